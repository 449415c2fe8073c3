/** The criteria of an audit: an answer each, a comment, the markers that it is about. Every change is kept at once. */

import { el, setAttribute, setText } from "./dom.js";
import { place } from "./markers.js";

/** change(answers, told): tell the gateway, and call `told` before what it answers is shown. */
export class AuditForm {
  #criteria = new Map();
  /** By criterion: how many of its changes the gateway has not answered yet. What it says meanwhile is older than the page. */
  #underway = new Map();

  constructor(audit, change) {
    this.change = change;
    const sections = new Map();
    for (const criterion of audit.form.criteria) {
      const list = sections.get(criterion.section) ?? [];
      sections.set(criterion.section, list);
      list.push(this.#criterion(criterion));
    }
    this.element = el("div", { class: "criteria" }, [...sections].map(([name, list]) => el("section", { "aria-label": name }, el("h2", { text: name }), list)));
    this.show(audit);
  }

  #criterion(criterion) {
    const name = `answer-${criterion.id}`;
    const choices = criterion.choices.map((choice) => el("input", { type: "radio", name, value: choice.value, onchange: () => this.#give(criterion.id) }));
    const comment = el("textarea", { rows: "2", "aria-label": `Comment: ${criterion.text}`, placeholder: "Comment", onchange: () => this.#give(criterion.id) });
    const markers = el("span", { class: "marks-of", role: "group", "aria-label": `Markers: ${criterion.text}` });
    const needs = el("span", { class: "needs" });
    const element = el(
      "fieldset",
      { class: "criterion", "data-criterion": criterion.id },
      el("legend", {}, criterion.text, criterion.fail_all ? el("span", { class: "tag fails", text: "fails the whole audit" }) : null, el("span", { class: "faint", text: ` weight ${criterion.weight}` })),
      criterion.guidance ? el("p", { class: "faint", text: criterion.guidance }) : null,
      el("div", { class: "choices" }, criterion.choices.map((choice, index) => el("label", {}, choices[index], ` ${choice.label}`)), needs),
      comment,
      markers,
    );
    this.#criteria.set(criterion.id, { criterion, choices, comment, markers, needs, element });
    return element;
  }

  /** All that was answered for one criterion, as it stands on the page. */
  #give(id) {
    const { choices, comment, markers } = this.#criteria.get(id);
    const value = choices.find((choice) => choice.checked)?.value ?? null;
    const numbers = [...markers.querySelectorAll("input:checked")].map((box) => Number(box.value));
    const more = (by) => this.#underway.set(id, (this.#underway.get(id) ?? 0) + by);
    more(1);
    this.change({ [id]: { value, comment: comment.value, markers: numbers } }, () => more(-1));
  }

  show(audit) {
    const final = audit.state === "finished";
    for (const [id, { criterion, choices, comment, markers, needs, element }] of this.#criteria) {
      if (this.#underway.get(id)) continue;
      const given = audit.answers[id] ?? { value: null, comment: "", markers: [] };
      for (const choice of choices) {
        choice.checked = choice.value === given.value;
        choice.disabled = final;
      }
      if (document.activeElement !== comment) comment.value = given.comment;
      comment.disabled = final;
      const worth = criterion.choices.find((choice) => choice.value === given.value)?.percent;
      const wanting = given.value !== null && audit.result.missing.includes(id);
      setText(needs, wanting ? "needs a comment" : "");
      setAttribute(element, "data-failed", audit.result.failed_all.includes(id) ? "yes" : null);
      setAttribute(element, "data-worth", given.value === null ? null : worth === null ? "none" : String(worth));
      const numbers = audit.markers.map((marker) => marker.number).join(" ");
      if (markers.dataset.numbers !== numbers) {
        markers.dataset.numbers = numbers;
        markers.replaceChildren(...audit.markers.map((marker) => el("label", {}, el("input", { type: "checkbox", value: marker.number, onchange: () => this.#give(id) }), ` ${marker.number} at ${place(marker)}`)));
      }
      for (const box of markers.querySelectorAll("input")) {
        box.checked = given.markers.includes(Number(box.value));
        box.disabled = final;
      }
    }
  }
}
