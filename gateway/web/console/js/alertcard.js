/** One alert as it is shown everywhere: who is in trouble, how long they wait, who comes, and what one can do. */

import { post } from "./api.js";
import { elapsed } from "./clock.js";
import { button, el, keep, setText } from "./dom.js";
import { nameOf } from "./house.js";

/** How long nobody came: until somebody acknowledged it, or until now. */
export function waited(alert) {
  return elapsed(alert.raised_at, alert.acknowledged_at ?? alert.resolved_at ?? undefined);
}

export function acknowledge(alert) {
  return post(`/api/alerts/${encodeURIComponent(alert.id)}/acknowledge`);
}

export function resolve(alert) {
  return post(`/api/alerts/${encodeURIComponent(alert.id)}/resolve`);
}

/** `Fiona is on it`, or why it still rings. */
export function standing(alert, session) {
  if (alert.state === "raised") {
    const climbed = alert.tier?.number > 1 ? `, now ringing ${alert.tier.name}` : "";
    return `waiting ${waited(alert)}${climbed}`;
  }
  const who = alert.acknowledged_by === session.id ? "You are" : `${alert.acknowledged_by_name || alert.acknowledged_by} is`;
  return `${who} on it, after ${waited(alert)}`;
}

/** Cards for these alerts within `parent`. context: as of `alertCard`. */
export function alertCards(parent, alerts, context) {
  const { house, session } = context;
  keep(
    parent,
    alerts,
    (alert) => [alert, house.calls.has(alert.call)],
    (alert) => alertCard(alert, context),
    (card, alert) => setText(card.querySelector(".standing"), standing(alert, session)),
  );
}

function alertCard(alert, { house, session, act, go = null }) {
  const raised = alert.state === "raised";
  const may = session.may("acknowledge");
  const live = alert.call && house.calls.has(alert.call);
  return el(
    "div",
    { class: "alert", "data-alert": alert.id, "data-state": alert.state },
    el("strong", { text: raised ? "HELP" : "On it" }),
    el("span", { class: "who" }, el("b", { text: nameOf(alert.advisor) || alert.raised_by }), alert.team ? ` · ${alert.team}` : "", alert.reason ? ` · ${alert.reason}` : "", alert.raised_times > 1 ? ` · pressed ${alert.raised_times} times` : ""),
    el("span", { class: "standing" }),
    raised && may ? button("I am coming", () => act(() => acknowledge(alert)), { class: "primary" }) : null,
    go && live ? button("Open the call", () => go(`#/call/${encodeURIComponent(alert.call)}`)) : null,
    !raised && may ? button("It is over", () => act(() => resolve(alert))) : null,
  );
}
