/** Below every view for as long as one is on a call: what one is doing, in colour and word, who hears it, and one's own voice. */

import { button, el, setAttribute, setText } from "./dom.js";
import { everyFrame } from "./frames.js";
import { nameOf } from "./house.js";
import { Meter } from "./meter.js";
import { MODES } from "./modes.js";

const SPOKEN_DB = -45;

export function onAirBar({ house, onair, attempt }) {
  const doing = el("strong", { class: "doing" });
  const who = el("a", {});
  const heard = el("span", { class: "heard" });
  const mic = new Meter("your microphone");
  const spoken = el("span", { class: "spoken" });
  const missed = el("span", { class: "missed-last" });
  const own = el("span", { class: "own" }, el("span", { text: "Your voice" }), mic.element, spoken);
  const element = el("aside", { class: "onair", "aria-label": "What you are doing now", hidden: true }, el("span", { role: "status" }, doing, " ", who, " ", heard), own, missed, button("Leave", () => attempt(onair.leave())));
  let stale = true;

  function show() {
    element.hidden = !onair.call;
    setAttribute(document.documentElement, "data-mode", onair.mode);
    if (!onair.call) return;
    const call = house.calls.get(onair.call);
    const mode = MODES[onair.mode];
    setAttribute(element, "data-mode", onair.mode);
    setText(doing, mode.doing.toUpperCase());
    setText(who, nameOf(call?.advisor));
    setAttribute(who, "href", `#/call/${encodeURIComponent(onair.call)}`);
    setText(heard, onair.broken ? "Your line is broken; it is being opened again." : mode.heard(call));
    own.hidden = !mode.speaks;
    setText(missed, onair.missed.at(-1)?.text ?? "");
  }

  const ends = [
    onair.watch(() => (stale = true)),
    house.watch((changed) => {
      if (onair.call && changed.calls.has(onair.call) && !changed.talk) stale = true;
    }),
    everyFrame(() => {
      if (stale) show();
      stale = false;
      if (!onair.call || !MODES[onair.mode].speaks) return;
      const talking = onair.mic_db > SPOKEN_DB;
      mic.show({ level_db: onair.mic_db, talking });
      setText(spoken, talking ? "is heard" : "silent");
    }),
  ];
  return { element, close: () => ends.forEach((end) => end()) };
}
