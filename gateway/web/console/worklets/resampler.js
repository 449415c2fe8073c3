/** From one sampling rate to another, sample by sample, by a windowed sinc (J. O. Smith, "Digital Audio Resampling"). No DOM, no worklet. */

const ZERO_CROSSINGS = 12;
const STEPS = 256; // of the table between two zero crossings; between them by straight line

const TABLE = new Float32Array(ZERO_CROSSINGS * STEPS + 2);
for (let index = 0; index < TABLE.length - 1; index += 1) {
  const x = index / STEPS;
  const sinc = x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
  const window = 0.5 + 0.5 * Math.cos((Math.PI * Math.min(x, ZERO_CROSSINGS)) / ZERO_CROSSINGS);
  TABLE[index] = sinc * window;
}

/** How many samples of the source lie on each side of the place that is computed. */
export function reach(ratio) {
  return Math.ceil(ZERO_CROSSINGS / Math.min(1, ratio)) + 1;
}

/**
 * The value at `position` (in samples of the source) of a ring buffer.
 * ratio: new rate / old rate; below 1 the sinc is widened, so that nothing folds back.
 */
export function valueAt(ring, position, ratio) {
  const scale = Math.min(1, ratio) * 0.96;
  const half = ZERO_CROSSINGS / scale;
  const size = ring.length;
  const last = Math.floor(position + half);
  let sum = 0;
  for (let at = Math.ceil(position - half); at <= last; at += 1) {
    const place = Math.abs(at - position) * scale * STEPS;
    const index = Math.floor(place);
    const weight = TABLE[index] + (TABLE[index + 1] - TABLE[index]) * (place - index);
    sum += ring[((at % size) + size) % size] * weight;
  }
  return sum * scale;
}
