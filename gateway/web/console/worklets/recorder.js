/**
 * The microphone: resampled to the gateway's rate, which may be told later, and cut into frames of 20 ms of big-endian L16 (RFC 3551 §4.5.11).
 *
 * Out, for each frame: `{frame: ArrayBuffer, level_db}`. It buffers nothing beyond the frame that is being filled.
 */

import { reach, valueAt } from "./resampler.js";

class Recorder extends AudioWorkletProcessor {
  constructor({ processorOptions: { rate, frame_ms } }) {
    super();
    this.frame_ms = frame_ms;
    this.ring = new Float32Array(8192);
    this.written = 0;
    this.position = 0;
    this.tune(rate);
    this.over = false;
    this.port.onmessage = ({ data }) => {
      if (data.close) this.over = true;
      if (data.rate) this.tune(data.rate);
    };
  }

  tune(rate) {
    this.ratio = rate / sampleRate;
    this.reach = reach(this.ratio);
    this.samples = Math.round((rate * this.frame_ms) / 1000);
    this.begin();
  }

  begin() {
    this.frame = new DataView(new ArrayBuffer(this.samples * 2));
    this.filled = 0;
    this.energy = 0;
  }

  process([input]) {
    if (input.length === 0) return !this.over;
    const [heard] = input;
    for (let index = 0; index < heard.length; index += 1) this.ring[(this.written + index) % this.ring.length] = heard[index];
    this.written += heard.length;
    while (this.position + this.reach < this.written) {
      const value = Math.max(-1, Math.min(1, valueAt(this.ring, this.position, this.ratio)));
      this.position += 1 / this.ratio;
      this.frame.setInt16(this.filled * 2, Math.round(value * 32767), false);
      this.energy += value * value;
      this.filled += 1;
      if (this.filled === this.samples) this.send();
    }
    return !this.over;
  }

  send() {
    const level_db = 10 * Math.log10(this.energy / this.samples + 1e-10);
    const frame = this.frame.buffer;
    this.begin();
    this.port.postMessage({ frame, level_db }, [frame]);
  }
}

registerProcessor("recorder", Recorder);
