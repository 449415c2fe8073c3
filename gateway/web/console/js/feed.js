/** A call's live audio over WebSocket: frames in, what was missed, why it ended. Plays nothing by itself. */

import { socket } from "./api.js";

/** Big-endian L16, interleaved, as one Float32Array a channel. */
export function unpack(buffer, offset, channels) {
  const view = new DataView(buffer, offset);
  const length = view.byteLength / 2 / channels;
  return Array.from({ length: channels }, (_, number) => {
    const samples = new Float32Array(length);
    for (let index = 0; index < length; index += 1) samples[index] = view.getInt16((index * channels + number) * 2, false) / 32768;
    return samples;
  });
}

/** What both audio sockets share. `on`: `start(header)`, `frame(samples, media_time_ms)`, `missed(ms, text)`, `told(message)` for others, `end(reason, code)`: it is closed, code null where the gateway has said why. */
export class AudioSocket {
  #socket;
  #header = null;
  #ended = false;

  constructor(path, on) {
    this.on = on;
    this.#socket = socket(path);
    this.#socket.binaryType = "arraybuffer";
    this.#socket.onmessage = ({ data }) => (typeof data === "string" ? this.#told(JSON.parse(data)) : this.#frame(data));
    this.#socket.onclose = ({ code, reason }) => this.#end(reason || "the connection was lost", code);
  }

  get header() {
    return this.#header;
  }

  send(data) {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(data);
  }

  /** How much waits in this browser to be sent [bytes]. */
  get waiting() {
    return this.#socket.bufferedAmount;
  }

  /** For good: the gateway waits for nobody. */
  close() {
    this.#ended = true;
    this.#socket.close(1000);
  }

  #told(message) {
    if (message.type === "start") {
      this.#header = message;
      this.on.start?.(message);
    } else if (message.type === "missed") this.on.missed?.(message.ms, message.text);
    else if (message.type === "end") this.#end(message.reason, null);
    else this.on.told?.(message);
  }

  #frame(data) {
    const header = this.#header;
    if (!header) return;
    const offset = header.frame_header_bytes;
    const media_time_ms = offset ? new DataView(data).getUint32(4, false) : 0;
    this.on.frame?.(unpack(data, offset, header.channels.length), media_time_ms);
  }

  #end(reason, code) {
    if (this.#ended) return;
    this.#ended = true;
    this.on.end?.(reason, code);
  }
}

/** Both voices of a call. First comes what was said in the last `history_s`, as fast as it can; `on.told({type: "live"})` where it ends. */
export function openFeed(call, rate, history_s, on) {
  return new AudioSocket(`/api/calls/${encodeURIComponent(call)}/audio?channels=caller,advisor&encoding=l16&rate=${rate}&history=${history_s}&catchup=off`, on);
}
