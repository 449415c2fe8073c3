/** The strip of open alerts and questions above every view, with its sound and the flashing title. Nothing ever lies over it. */

import { el, setText } from "./dom.js";
import { everyFrame } from "./frames.js";
import { nameOf } from "./house.js";
import { alertCards } from "./alertcard.js";
import { helpCards } from "./helpcard.js";
import { chime } from "./sound.js";

const CHIME_EVERY_MS = 4000;
const MOST_SHOWN = 3;

/** setTitle(text): what the window's title is to flash with; null: the view's own. */
export function alertStrip(context) {
  const { house, session, onair, setTitle } = context;
  const cards = el("div", { class: "cards" });
  const questions = el("div", { class: "questions" });
  const more = el("a", { href: "#/alerts", class: "more" });
  const told = el("p", { class: "unseen", role: "alert" });
  const element = el("aside", { class: "strip", "aria-label": "Open alerts" }, cards, more, questions, told);
  let stale = true;
  let chimedAt_ms = -CHIME_EVERY_MS;
  let known = new Set();

  function show() {
    const open = [...house.alerts.values()].sort((a, b) => (a.state === b.state ? (a.raised_at < b.raised_at ? -1 : 1) : a.state === "raised" ? -1 : 1));
    alertCards(cards, open.slice(0, MOST_SHOWN), context);
    more.hidden = open.length <= MOST_SHOWN;
    setText(more, `${open.length - MOST_SHOWN} more`);
    const asked = session.may("answer") ? [...house.help.values()].filter((one) => one.state === "asked" || one.answered_by === session.id) : [];
    helpCards(questions, asked, context);
    element.hidden = open.length + asked.length === 0;
    element.classList.toggle("calm", open.length === 0);
    const raised = open.filter((alert) => alert.state === "raised");
    const fresh = raised.filter((alert) => !known.has(alert.id));
    if (fresh.length) setText(told, `${fresh.map((alert) => nameOf(alert.advisor)).join(" and ")} needs help.`);
    if (!raised.length) setText(told, "");
    known = new Set(raised.map((alert) => alert.id));
    return raised;
  }

  let raised = [];
  const ends = [
    house.watch((changed) => {
      if (changed.whole || changed.alerts || changed.people || changed.kind === "call.ended") stale = true;
    }),
    everyFrame((now_ms, aSecondOn) => {
      if (stale || (aSecondOn && house.alerts.size + house.help.size)) raised = show();
      stale = false;
      if (!raised.length) setTitle(null);
      else if (aSecondOn) setTitle(Math.floor(now_ms / 1000) % 2 ? `▲ HELP: ${nameOf(raised[0].advisor)}` : null);
      if (raised.length && now_ms - chimedAt_ms > CHIME_EVERY_MS) {
        chimedAt_ms = now_ms;
        chime(Boolean(onair.call));
      }
    }),
  ];
  return { element, close: () => ends.forEach((end) => end()) };
}
