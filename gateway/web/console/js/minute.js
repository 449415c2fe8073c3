/** The last minute of a feed: its samples for hearing them again, and its peaks for drawing. No DOM. */

const SECONDS = 60;
const PEAK_MS = 100;

export class LastMinute {
  constructor(rate, channels) {
    this.rate = rate;
    this.size = SECONDS * rate;
    this.rings = Array.from({ length: channels }, () => new Float32Array(this.size));
    this.peaks = Array.from({ length: channels }, () => new Float32Array((SECONDS * 1000) / PEAK_MS));
    this.written = 0;
    this.perPeak = (PEAK_MS * rate) / 1000;
  }

  add(samples) {
    samples.forEach((channel, number) => {
      const ring = this.rings[number];
      const peaks = this.peaks[number];
      for (let index = 0; index < channel.length; index += 1) {
        const at = this.written + index;
        ring[at % this.size] = channel[index];
        const bucket = Math.floor(at / this.perPeak) % peaks.length;
        const size = Math.abs(channel[index]);
        peaks[bucket] = at % this.perPeak === 0 ? size : Math.max(peaks[bucket], size);
      }
    });
    this.written += samples[0].length;
  }

  /** Silence in place of what was missed, so that the time stays right. */
  skip(ms) {
    const length = Math.min(this.size, Math.round((ms * this.rate) / 1000));
    if (length > 0) this.add(this.rings.map(() => new Float32Array(length)));
  }

  get seconds() {
    return Math.min(SECONDS, this.written / this.rate);
  }

  /** The last so many seconds, oldest first: a Float32Array for each channel. */
  last(seconds) {
    const length = Math.min(this.written, Math.round(seconds * this.rate), this.size);
    return this.rings.map((ring) => {
      const samples = new Float32Array(length);
      for (let index = 0; index < length; index += 1) samples[index] = ring[(this.written - length + index) % this.size];
      return samples;
    });
  }

  /** Peaks of one channel, oldest first, 0 … 1; as many as a minute has. */
  shape(number) {
    const peaks = this.peaks[number];
    const newest = Math.floor((this.written - 1) / this.perPeak);
    const shape = new Float32Array(peaks.length);
    for (let back = 0; back < peaks.length; back += 1) {
      const bucket = newest - back;
      if (bucket >= 0) shape[peaks.length - 1 - back] = peaks[bucket % peaks.length];
    }
    return shape;
  }
}
