/** One line of the board: an element that is re-used for call after call, and touched only where something differs. */

import { elapsed } from "./clock.js";
import { el, setAttribute, setText } from "./dom.js";
import { heardOf, lineInWords, lineOf, markOf, nameOf, stateOf } from "./house.js";
import { Meter } from "./meter.js";
import { MODES } from "./modes.js";

export const ROW_PX = 44;

let made = 0;

export class BoardRow {
  constructor(body, { open, select }) {
    const cell = (name, ...children) => el("div", { role: "gridcell", class: `cell ${name}` }, children);
    this.alert = el("strong", { class: "badge" });
    this.advisor = el("a", { class: "name", tabindex: "-1" });
    this.extension = el("span", { class: "faint" });
    this.team = cell("team");
    this.state = cell("state");
    this.duration = cell("duration");
    this.patient = new Meter("patient");
    this.speaking = new Meter("advisor");
    this.marks = cell("marks");
    this.line = cell("line");
    this.supervisors = cell("supervisors");
    this.element = el(
      "div",
      { role: "row", class: "board-row", id: `board-row-${(made += 1)}`, onclick: () => open(this.call.id), onmousedown: () => select(this.call.id) },
      cell("attention", this.alert),
      cell("advisor", this.advisor, " ", this.extension),
      this.team,
      this.state,
      this.duration,
      cell("patient", this.patient.element),
      cell("speaking", this.speaking.element),
      this.marks,
      this.line,
      this.supervisors,
    );
    body.append(this.element);
  }

  place(call, index) {
    this.element.hidden = false;
    if (this.index !== index) {
      this.index = index;
      this.element.style.transform = `translateY(${index * ROW_PX}px)`;
      setAttribute(this.element, "aria-rowindex", index + 2);
    }
  }

  hide() {
    this.element.hidden = true;
    this.call = this.talk = undefined;
  }

  select(selected) {
    setAttribute(this.element, "aria-selected", selected ? "true" : null);
  }

  /** mode: what this person is doing on the call; null: not on it. */
  show(call, talk, mode) {
    if (call !== this.call || mode !== this.mode) this.#facts(call, mode);
    if (talk !== this.talk || call !== this.call) this.#talk(call, talk);
    this.call = call;
    this.talk = talk;
    this.mode = mode;
  }

  tick() {
    if (this.call) setText(this.duration, elapsed(this.call.answered_at ?? this.call.started_at));
  }

  #facts(call, mode) {
    const { element } = this;
    setAttribute(element, "data-call", call.id);
    setAttribute(element, "data-state", call.state);
    setAttribute(element, "data-alert", call.alert?.state);
    setAttribute(element, "data-mode", mode);
    setText(this.alert, call.alert ? (call.alert.state === "raised" ? "HELP" : "help is on it") : "");
    setText(this.advisor, nameOf(call.advisor));
    setAttribute(this.advisor, "href", `#/call/${encodeURIComponent(call.id)}`);
    setText(this.extension, call.advisor?.extension ?? "");
    setText(this.team, call.team ?? "");
    setText(this.state, stateOf(call));
    setText(this.duration, elapsed(call.answered_at ?? call.started_at));
    setText(this.line, lineInWords(call));
    setAttribute(this.line, "data-poor", lineOf(call).whose || null);
    this.supervisors.replaceChildren(
      ...call.supervisors.map((one) => el("span", { class: "tag", "data-mode": one.mode, text: `${one.name || one.user}: ${MODES[one.mode]?.doing.toLowerCase() ?? one.mode}` })),
      ...listeners(call).map((name) => el("span", { class: "tag", text: `${name}: hears it` })),
    );
  }

  #talk(call, talk) {
    this.patient.show(heardOf(talk, 0));
    this.speaking.show(heardOf(talk, 1));
    setText(this.marks, markOf(talk));
    setAttribute(this.marks, "data-mark", markOf(talk) || null);
  }
}

function listeners(call) {
  const there = new Set(call.supervisors.map((one) => one.user));
  return [...new Set((call.feeds ?? []).filter((feed) => !there.has(feed.user)).map((feed) => feed.name || feed.user))];
}
