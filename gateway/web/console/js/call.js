/** One call: who speaks, what one does on it, the last minute of both voices. Single keys work here; see `modes.js`. */

import { elapsed, timeOfDay } from "./clock.js";
import { button, el, setAttribute, setText } from "./dom.js";
import { everyFrame } from "./frames.js";
import { heardOf, lineInWords, markOf, nameOf, stateOf } from "./house.js";
import { Meter } from "./meter.js";
import { LEAVE_KEYS, MODES, modeOfKey } from "./modes.js";
import { bindKeys, keysOn, setKeysOn } from "./keys.js";
import { alertCards } from "./alertcard.js";
import { scoringStart } from "./scoring.js";
import { Waveform } from "./waveform.js";

const AGAIN_S = 30;

export function openCall({ house, onair, session, attempt, act, go }, id) {
  const supervises = session.may("whisper");
  const title = el("h1");
  const facts = el("p", { class: "facts" });
  const alerts = el("div", { class: "here" });
  const others = el("ul", { class: "others", "aria-label": "Also on this call" });
  const patient = new Meter("patient");
  const speaking = new Meter("advisor");
  const marks = el("span", { class: "marks" });
  const patientWave = new Waveform("Patient", "patient");
  const advisorWave = new Waveform("Advisor", "advisor");
  const again = button("Hear the last 30 s (H)", () => act(() => onair.hearAgain(AGAIN_S)));
  const apart = el("input", { type: "checkbox", onchange: () => onair.setApart(apart.checked) });
  const ears = el("label", {}, apart, " Patient in the left ear, advisor in the right");
  const missed = el("ul", { class: "missed", "aria-label": "What you missed", "aria-live": "polite" });
  const keys = el("input", { type: "checkbox", onchange: () => setKeysOn(keys.checked) });

  const modes = supervises ? Object.keys(MODES).filter((mode) => session.may(mode)) : ["listen"];
  const buttons = new Map(
    modes.map((mode) => [
      mode,
      el(
        "button",
        { type: "button", class: "mode", "data-mode": mode, "aria-pressed": "false", "aria-keyshortcuts": MODES[mode].keys.join(" "), onclick: () => choose(mode) },
        el("b", { text: MODES[mode].verb }),
        el("kbd", { text: MODES[mode].keys[0].toUpperCase() }),
        el("small", { text: mode === "listen" ? "nobody hears you" : mode === "whisper" ? "only the advisor hears you" : mode === "barge" ? "both hear you" : "the patient hears you alone" }),
      ),
    ]),
  );
  const leave = el("button", { type: "button", class: "mode leave", "aria-keyshortcuts": LEAVE_KEYS.join(" "), onclick: () => attempt(onair.leave()) }, el("b", { text: "Leave" }), el("kbd", { text: "X" }), el("small", { text: "the call goes on" }));

  const secret = el("p", { class: "gone", text: "This call is private: nobody may listen, and so the buttons are refused." });
  const gone = el("p", { class: "gone", role: "status", text: "This call has ended." });
  const live = el(
    "div",
    { class: "call-live" },
    alerts,
    secret,
    el("div", { class: "modes", role: "group", "aria-label": "What you do on this call" }, ...buttons.values(), leave),
    el("section", { class: "voices", "aria-label": "Who speaks" }, el("div", { class: "now" }, el("span", { text: "Patient" }), patient.element, el("span", { text: "Advisor" }), speaking.element, marks), patientWave.element, advisorWave.element),
    el("div", { class: "tools" }, again, ears, el("label", {}, keys, " Single keys")),
    missed,
    session.may("audit") ? scoringStart({ act, go, onair }, id) : null,
    el("h2", { text: "On this call" }),
    others,
  );
  const element = el("section", { class: "call", "aria-label": "Call" }, el("header", {}, title, facts), gone, live);

  function choose(mode) {
    act(() => (supervises ? onair.enter(id, mode) : onair.listenIn(id)));
  }

  function show() {
    const call = house.calls.get(id);
    gone.hidden = Boolean(call);
    live.hidden = !call;
    secret.hidden = !call?.private;
    if (!call) {
      setText(title, title.textContent || "Call");
      return;
    }
    const here = onair.call === id;
    setText(title, `${nameOf(call.advisor)}`);
    setText(facts, [call.advisor?.extension && `extension ${call.advisor.extension}`, call.team && `team ${call.team}`, `patient ${call.caller}`, stateOf(call), `for ${elapsed(call.answered_at ?? call.started_at)}`, lineInWords(call) && `line ${lineInWords(call)}`].filter(Boolean).join(" · "));
    for (const [mode, choice] of buttons) setAttribute(choice, "aria-pressed", String(here && onair.mode === mode));
    leave.hidden = !here;
    again.disabled = !(here && onair.minute?.written);
    setText(again, onair.replaying ? "Stop (H)" : `Hear the last ${AGAIN_S} s (H)`);
    apart.checked = onair.apart;
    ears.hidden = here && onair.kind === "leg";
    keys.checked = keysOn();
    const raised = [...house.alerts.values()].filter((alert) => alert.call === id);
    alertCards(alerts, raised, { house, session, act });
    others.replaceChildren(
      ...call.supervisors.map((one) => el("li", { "data-mode": one.mode }, el("b", { text: one.leg === onair.leg ? "You" : one.name || one.user }), ` · ${MODES[one.mode]?.doing.toLowerCase() ?? one.mode} since ${timeOfDay(one.since)}`)),
      ...feedsOf(call).map((one) => el("li", {}, el("b", { text: one.user === session.id ? "You" : one.name || one.user }), ` · hears it since ${timeOfDay(one.since)}`)),
    );
    if (!others.childElementCount) others.append(el("li", { class: "faint", text: "Nobody but the patient and the advisor." }));
    missed.replaceChildren(...(here ? onair.missed : []).map((one) => el("li", { text: `${timeOfDay(one.at)}: ${one.text}` })));
  }

  let stale = true;
  const ends = [
    house.watch((changed) => {
      if (changed.whole || changed.alerts || (!changed.talk && changed.calls.has(id))) stale = true;
    }),
    onair.watch(() => (stale = true)),
    everyFrame((now_ms, aSecondOn) => {
      const talk = house.talk.get(id);
      patient.show(heardOf(talk, 0));
      speaking.show(heardOf(talk, 1));
      setText(marks, markOf(talk));
      if (stale || aSecondOn) show();
      stale = false;
      if (onair.call === id && onair.minute) {
        patientWave.draw(onair.minute.shape(0));
        advisorWave.draw(onair.minute.shape(1));
      }
    }),
    bindKeys((key) => {
      const mode = modeOfKey(key);
      if (mode && buttons.has(mode)) choose(mode);
      else if (LEAVE_KEYS.includes(key) && onair.call === id) attempt(onair.leave());
      else if (key === "h" && onair.call === id) act(() => onair.hearAgain(AGAIN_S));
      else return false;
      return true;
    }),
  ];
  show();
  return { title: "Call", element, focus: () => buttons.get(modes[0])?.focus(), close: () => ends.forEach((end) => end()) };
}

/** Who hears the call without being on it: the feed behind a supervisor's waveforms is the supervisor. */
function feedsOf(call) {
  const there = new Set(call.supervisors.map((one) => one.user));
  return (call.feeds ?? []).filter((feed) => !there.has(feed.user));
}
