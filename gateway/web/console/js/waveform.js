/** The last minute of one voice, drawn from right (now) to left (a minute ago). */

import { el } from "./dom.js";

const HEIGHT = 64;

export class Waveform {
  constructor(label, kind) {
    this.canvas = el("canvas", { class: `waveform ${kind}`, role: "img", "aria-label": `${label}: the last minute of sound` });
    this.element = el("figure", { class: "voice" }, el("figcaption", { text: label }), this.canvas);
  }

  draw(shape) {
    const width = this.canvas.clientWidth;
    if (!width) return;
    const scale = window.devicePixelRatio || 1;
    if (this.canvas.width !== Math.round(width * scale)) {
      this.canvas.width = Math.round(width * scale);
      this.canvas.height = HEIGHT * scale;
    }
    const pen = this.canvas.getContext("2d");
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.clearRect(0, 0, width, HEIGHT);
    pen.fillStyle = getComputedStyle(this.canvas).color;
    const step = width / shape.length;
    for (let index = 0; index < shape.length; index += 1) {
      const high = Math.max(1, Math.sqrt(shape[index]) * (HEIGHT - 4));
      pen.fillRect(index * step, (HEIGHT - high) / 2, Math.max(1, step - 0.5), high);
    }
  }
}
