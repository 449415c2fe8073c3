/**
 * Playback of a feed: a bounded jitter buffer per stream, resampled to the rate of the sound card.
 *
 * In: `{samples: Float32Array per channel, gain: [[left, right] per channel]}`. Out, four times a second: `{held_ms, underruns, skipped_ms}`.
 * The delay may not grow: past AIM + SLACK pauses in speech are cut short, past AIM + MUCH it plays 2 % faster (not heard as pitch) as
 * well, past LIMIT it skips.
 */

import { reach, valueAt } from "./resampler.js";

const RING_S = 4;
const LEAST_AIM_MS = 60;
const MOST_AIM_MS = 200;
const SLACK_MS = 40;
const MUCH_MS = 160;
const PAUSE = 0.008; // of full scale: a frame with nothing louder in it is a pause
const LIMIT_MS = 400;
const FASTER = 1.02;
const FADE_SAMPLES = 16;
const CALM_S = 10; // without an underrun, after which the aim comes down a step

class Player extends AudioWorkletProcessor {
  constructor({ processorOptions: { rate, channels } }) {
    super();
    this.rate = rate;
    this.ratio = sampleRate / rate;
    this.rings = Array.from({ length: channels }, () => new Float32Array(RING_S * rate));
    this.gains = Array.from({ length: channels }, () => [1, 1]);
    this.written = 0;
    this.position = 0;
    this.aim_ms = LEAST_AIM_MS;
    this.playing = false;
    this.volume = 0;
    this.underruns = 0;
    this.skipped_ms = 0;
    this.calmUntil = 0;
    this.nextReport = 0;
    this.over = false;
    this.port.onmessage = ({ data }) => this.take(data);
  }

  take({ samples, gains, close }) {
    if (close) this.over = true;
    if (gains) this.gains = gains;
    if (!samples) return;
    if (this.held_ms() > this.aim_ms + SLACK_MS && samples.every((channel) => channel.every((sample) => Math.abs(sample) < PAUSE))) return;
    const size = this.rings[0].length;
    samples.forEach((channel, number) => {
      for (let index = 0; index < channel.length; index += 1) this.rings[number][(this.written + index) % size] = channel[index];
    });
    this.written += samples[0].length;
    if (this.held_ms() > LIMIT_MS) {
      const skip = Math.floor(((this.held_ms() - this.aim_ms) / 1000) * this.rate);
      this.position += skip;
      this.skipped_ms += (skip / this.rate) * 1000;
    }
  }

  held_ms() {
    return ((this.written - this.position) / this.rate) * 1000;
  }

  process(_, [output]) {
    const [left, right = output[0]] = output;
    const need = left.length / this.ratio * FASTER + reach(this.ratio);
    if (!this.playing && this.held_ms() >= this.aim_ms) this.playing = true;
    if (this.playing && this.written - this.position < need) {
      this.playing = false;
      this.underruns += 1;
      this.aim_ms = Math.min(MOST_AIM_MS, this.aim_ms + 20);
      this.calmUntil = currentTime + CALM_S;
    }
    if (this.playing && currentTime > this.calmUntil) {
      this.aim_ms = Math.max(LEAST_AIM_MS, this.aim_ms - 10);
      this.calmUntil = currentTime + CALM_S;
    }
    const speed = this.held_ms() > this.aim_ms + MUCH_MS ? FASTER : 1;
    const step = speed / this.ratio;
    for (let index = 0; index < left.length; index += 1) {
      this.volume += ((this.playing ? 1 : 0) - this.volume) / FADE_SAMPLES;
      let onLeft = 0;
      let onRight = 0;
      if (this.playing || this.volume > 0.001) {
        for (let number = 0; number < this.rings.length; number += 1) {
          const value = valueAt(this.rings[number], this.position, this.ratio);
          onLeft += value * this.gains[number][0];
          onRight += value * this.gains[number][1];
        }
        if (this.playing) this.position += step;
      }
      left[index] = onLeft * this.volume;
      right[index] = onRight * this.volume;
    }
    if (currentTime >= this.nextReport) {
      this.nextReport = currentTime + 0.25;
      this.port.postMessage({ held_ms: this.held_ms(), underruns: this.underruns, skipped_ms: this.skipped_ms });
    }
    return !this.over;
  }
}

registerProcessor("player", Player);
