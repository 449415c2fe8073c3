/** The event stream, for as long as somebody is signed in: reconnects by itself and says whether it stands. */

import { socket } from "./api.js";

const PAUSES_MS = [250, 500, 1000, 2000, 5000];
const SIGNED_OUT = 4401;
const FORBIDDEN = 4403;

export class EventStream {
  #socket = null;
  #failures = 0;
  #timer = 0;
  #over = false;

  /** take: each message. tell(state): `live`, `connecting` or `refused`, and why. */
  constructor(take, tell) {
    this.take = take;
    this.tell = tell;
    this.#connect();
  }

  close() {
    this.#over = true;
    clearTimeout(this.#timer);
    this.#socket?.close();
  }

  #connect() {
    const connection = socket("/api/events");
    this.#socket = connection;
    connection.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      if (message.type === "snapshot") {
        this.#failures = 0;
        this.tell("live");
      }
      this.take(message);
    };
    connection.onclose = ({ code, reason }) => {
      if (this.#over) return;
      if (code === SIGNED_OUT || code === FORBIDDEN) {
        this.tell("refused", reason, code === SIGNED_OUT);
        return;
      }
      this.tell("connecting");
      const pause_ms = PAUSES_MS[Math.min(this.#failures, PAUSES_MS.length - 1)];
      this.#failures += 1;
      this.#timer = setTimeout(() => this.#connect(), pause_ms);
    };
  }
}
