/** The strip of open alerts above every view, with its sound and the flashing title. Nothing ever lies over it. */

import { el, setText } from "./dom.js";
import { everyFrame } from "./frames.js";
import { nameOf } from "./house.js";
import { alertCard } from "./alertcard.js";
import { chime } from "./sound.js";

const CHIME_EVERY_MS = 4000;
const MOST_SHOWN = 3;

/** setTitle(text): what the window's title is to flash with; null: the view's own. */
export function alertStrip({ house, session, onair, act, go, setTitle }) {
  const cards = el("div", { class: "cards" });
  const more = el("a", { href: "#/alerts", class: "more" });
  const told = el("p", { class: "unseen", role: "alert" });
  const element = el("aside", { class: "strip", "aria-label": "Open alerts" }, cards, more, told);
  let stale = true;
  let chimedAt_ms = -CHIME_EVERY_MS;
  let known = new Set();

  function show() {
    const open = [...house.alerts.values()].sort((a, b) => (a.state === b.state ? (a.raised_at < b.raised_at ? -1 : 1) : a.state === "raised" ? -1 : 1));
    const focused = document.activeElement?.closest(".strip .alert")?.dataset.alert;
    cards.replaceChildren(...open.slice(0, MOST_SHOWN).map((alert) => alertCard(alert, { house, session, act, go })));
    if (focused) cards.querySelector(`[data-alert="${CSS.escape(focused)}"] button`)?.focus();
    more.hidden = open.length <= MOST_SHOWN;
    setText(more, `${open.length - MOST_SHOWN} more`);
    element.hidden = open.length === 0;
    const raised = open.filter((alert) => alert.state === "raised");
    const fresh = raised.filter((alert) => !known.has(alert.id));
    if (fresh.length) setText(told, `${fresh.map((alert) => nameOf(alert.advisor)).join(" and ")} needs help.`);
    known = new Set(raised.map((alert) => alert.id));
    return raised;
  }

  let raised = [];
  const ends = [
    house.watch((changed) => {
      if (changed.whole || changed.alerts || changed.kind === "call.ended") stale = true;
    }),
    everyFrame((now_ms, aSecondOn) => {
      if (stale || (aSecondOn && house.alerts.size)) raised = show();
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
