/** Every alert: those that wait, those that somebody is on, and those that are over since this page was opened. */

import { timeOfDay } from "./clock.js";
import { button, el, keep, setText } from "./dom.js";
import { acknowledge, resolve, waited } from "./alertcard.js";
import { everyFrame } from "./frames.js";
import { nameOf } from "./house.js";

const HEADINGS = ["Raised", "Advisor", "Team", "Reason", "State", "Waited", "Who", ""];
const WORDS = { raised: "waiting", acknowledged: "somebody is on it", resolved: "over" };

export function openAlerts({ house, session, act, go }) {
  const rows = el("tbody");
  const none = el("p", { class: "empty", text: "No alerts. When an advisor calls for help it shows here, and above every other view." });
  const table = el("table", { class: "list" }, el("caption", { class: "unseen", text: "Alerts" }), el("thead", {}, el("tr", {}, HEADINGS.map((text) => el("th", { scope: "col", text })))), rows);
  let stale = true;

  function row(alert) {
    const may = session.may("acknowledge");
    return el(
      "tr",
      { "data-alert": alert.id, "data-state": alert.state },
      el("td", { text: timeOfDay(alert.raised_at) }),
      el("td", { text: nameOf(alert.advisor) }),
      el("td", { text: alert.team }),
      el("td", { text: [alert.reason, alert.raised_times > 1 ? `pressed ${alert.raised_times} times` : ""].filter(Boolean).join(", ") }),
      el("td", {}, el("span", { class: "badge", text: WORDS[alert.state] })),
      el("td", { class: "number waited" }),
      el("td", { text: alert.acknowledged_by_name || alert.acknowledged_by || alert.resolved_by || "" }),
      el(
        "td",
        { class: "actions" },
        alert.state === "raised" && may ? button("I am coming", () => act(() => acknowledge(alert)), { class: "primary" }) : null,
        alert.state === "acknowledged" && may ? button("It is over", () => act(() => resolve(alert))) : null,
        house.calls.has(alert.call) ? button("Open the call", () => go(`#/call/${encodeURIComponent(alert.call)}`)) : null,
      ),
    );
  }

  function show() {
    const all = [...house.alerts.values(), ...house.settled];
    keep(
      rows,
      all,
      (alert) => [alert, house.calls.has(alert.call)],
      row,
      (element, alert) => setText(element.querySelector(".waited"), waited(alert)),
    );
    none.hidden = all.length > 0;
    table.hidden = all.length === 0;
    setText(heading, house.alerts.size ? `Alerts (${house.alerts.size} open)` : "Alerts");
  }

  const heading = el("h1", { text: "Alerts" });
  const ends = [
    house.watch((changed) => {
      if (changed.whole || changed.alerts) stale = true;
    }),
    everyFrame((_, aSecondOn) => {
      if (stale || (aSecondOn && house.alerts.size)) show();
      stale = false;
    }),
  ];
  return { title: "Alerts", element: el("section", { class: "alerts", "aria-label": "Alerts" }, heading, none, table), close: () => ends.forEach((end) => end()) };
}
