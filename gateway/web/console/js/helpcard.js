/** A question to the floorwalkers, or a wish for a break: less than an alarm. One click answers it on that call. */

import { post, request } from "./api.js";
import { elapsed } from "./clock.js";
import { button, el, keep, setText } from "./dom.js";
import { nameOf } from "./house.js";

/** Cards for these requests within `parent`. context: as of `helpCard`. */
export function helpCards(parent, requests, context) {
  const { house, session } = context;
  keep(
    parent,
    requests,
    (asked) => [asked, house.calls.has(asked.call)],
    (asked) => helpCard(asked, context),
    (card, asked) => setText(card.querySelector(".standing"), standing(asked, session)),
  );
}

function standing(asked, session) {
  if (asked.state === "asked") return `since ${elapsed(asked.asked_at)}`;
  return `${asked.answered_by === session.id ? "You have" : `${asked.answered_by_name} has`} taken it`;
}

function helpCard(asked, { house, session, onair, act, go }) {
  const path = `/api/help/${encodeURIComponent(asked.id)}`;
  const live = asked.call && house.calls.has(asked.call);
  const open = asked.state === "asked";

  async function answer() {
    await post(`${path}/answer`);
    if (!live) return;
    go(`#/call/${encodeURIComponent(asked.call)}`);
    if (session.may("whisper")) await onair.enter(asked.call, "whisper");
  }

  return el(
    "div",
    { class: "question", "data-help": asked.id, "data-state": asked.state },
    el("strong", { text: asked.kind === "break" ? "Break" : "Question" }),
    el("span", { class: "who" }, el("b", { text: nameOf(asked.advisor) }), asked.team ? ` · ${asked.team}` : "", asked.kind === "break" ? " · had a difficult call and needs a break" : "", asked.reason ? ` · ${asked.reason}` : ""),
    el("span", { class: "standing" }),
    open && session.may("answer") ? button(asked.kind === "help" && live ? "Answer: whisper on the call" : "I take it", () => act(answer)) : null,
    !open && session.may("answer") ? button("It is done", () => act(() => request("DELETE", path))) : null,
  );
}
