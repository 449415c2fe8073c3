/**
 * A supervisor's line: what they hear comes down, what they say goes up, each frame with the mode in which it was spoken.
 *
 * The gateway carries nothing that was spoken in another mode than the one that holds. So `speakIn` is set the moment a button is pressed,
 * before the gateway is asked. A line that breaks is opened again; the leg waits for it for some seconds.
 */

import { AudioSocket } from "./feed.js";
import { MODES } from "./modes.js";

const PAUSE_MS = 300;
const MOST_ATTEMPTS = 15;
const MOST_WAITING_FRAMES = 20; // 0.4 s; what a slow network cannot take is dropped, never late
const AGAIN = new Set([1001, 1006, 1011, 4408]);

export class Headset {
  #socket = null;
  #sequence = 0;
  #attempts = 0;
  #timer = 0;
  #closed = false;
  #up = null;

  /** `on`: as of an AudioSocket, and `mode(mode)`, `broken()`: the line is being opened again. */
  constructor(path, mode, on) {
    this.path = path;
    this.speakIn = mode;
    this.on = on;
    this.#open();
  }

  /** 20 ms of big-endian L16, as the header of the socket asks for; of another rate it is left out. Silence is sent, too; while listening nothing is. */
  say(frame) {
    if (!this.#up || !MODES[this.speakIn].speaks || this.#socket.waiting > MOST_WAITING_FRAMES * this.#up.frame_bytes) return;
    const message = new Uint8Array(this.#up.frame_header_bytes + frame.byteLength);
    if (message.length !== this.#up.frame_bytes) return;
    const view = new DataView(message.buffer);
    view.setUint32(0, (this.#sequence += 1));
    view.setUint32(4, this.#up.modes[this.speakIn]);
    message.set(new Uint8Array(frame), this.#up.frame_header_bytes);
    this.#socket.send(message);
  }

  /** Of what is said [Hz]; null before the gateway has told it. */
  get rate() {
    return this.#up?.rate ?? null;
  }

  close() {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#socket.close();
  }

  #open() {
    this.#socket = new AudioSocket(this.path, {
      start: (header) => {
        this.#attempts = 0;
        this.#up = header.up;
        this.on.start(header);
        this.on.mode(header.mode);
      },
      frame: this.on.frame,
      missed: this.on.missed,
      told: (message) => message.type === "mode" && this.on.mode(message.mode),
      end: (reason, code) => this.#ended(reason, code),
    });
  }

  #ended(reason, code) {
    this.#up = null;
    if (this.#closed) return;
    this.#attempts += 1;
    if (!AGAIN.has(code) || this.#attempts > MOST_ATTEMPTS) {
      this.on.end(reason);
      return;
    }
    this.on.broken();
    this.#timer = setTimeout(() => this.#open(), PAUSE_MS);
  }
}
