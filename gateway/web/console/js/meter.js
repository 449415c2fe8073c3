/** How loud somebody speaks, as a bar: from -54 to 0 dBFS. Moves by transform alone, which costs no layout. */

import { el, setAttribute } from "./dom.js";

const FLOOR_DB = -54;

export class Meter {
  #width = -1;

  constructor(kind) {
    this.bar = el("i");
    this.element = el("span", { class: `meter ${kind}`, role: "meter", "aria-label": `${kind} speaks`, "aria-valuemin": FLOOR_DB, "aria-valuemax": 0 }, this.bar);
    this.show(null);
  }

  /** `{level_db, talking}`; null: nothing is known. */
  show(heard) {
    const level_db = heard?.level_db ?? -96;
    const width = Math.round(Math.max(0, Math.min(1, 1 - level_db / FLOOR_DB)) * 50) / 50;
    if (width === this.#width && heard?.talking === this.talking) return;
    this.#width = width;
    this.talking = heard?.talking;
    this.bar.style.transform = `scaleX(${width})`;
    setAttribute(this.element, "data-talking", this.talking ? "yes" : null);
    setAttribute(this.element, "aria-valuenow", Math.round(Math.max(FLOOR_DB, level_db)));
    setAttribute(this.element, "aria-valuetext", this.talking ? "speaking" : "silent");
  }
}
