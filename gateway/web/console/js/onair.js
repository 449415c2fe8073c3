/**
 * This person's presence on a call, at most one at a time: as a listener of the feed, or as a supervisor with a microphone.
 *
 * The mode shown is the one that the gateway tells, never the one that was asked for. A mode in which the patient or the advisor would hear
 * this person is asked for only once the microphone is open: nobody is left with silence.
 */

import { post, request, serves } from "./api.js";
import { AudioSocket, openFeed } from "./feed.js";
import { LastMinute } from "./minute.js";
import { MODES } from "./modes.js";
import { Microphone, Player, replay, sound } from "./sound.js";

const SUPERVISE = "/api/calls/{call}/supervisors";
const HISTORY_S = 0;
const MOST_WAITING_BYTES = 6400; // a fifth of a second of the microphone; what a slow line cannot take is dropped, never late

export class OnAir {
  call = null;
  kind = null;
  mode = null;
  leg = null;
  since_ms = 0;
  /** `{at, text}` of what was missed, newest last. */
  missed = [];
  minute = null;
  mic_db = -100;
  replaying = false;
  apart = true;

  #player = null;
  #feed = null;
  #audio = null;
  #mic = null;
  #micRate = 8000;
  #stopReplay = null;
  #watchers = new Set();
  #busy = Promise.resolve();

  constructor(house, say) {
    this.house = house;
    this.say = say;
    house.watch((changed) => this.#follow(changed));
  }

  watch(watcher) {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  #tell() {
    for (const watcher of this.#watchers) watcher();
  }

  /** Can one speak here, or only hear? */
  static get canSpeak() {
    return serves(SUPERVISE, "post");
  }

  /** Be on `call` in `mode`; one after the other, however fast the keys come. Raises Error with plain words. */
  enter(call, mode) {
    return this.#inTurn(() => this.#enter(call, mode));
  }

  /** Hear a call's feed without being on the call. */
  listenIn(call) {
    return this.#inTurn(() => this.#listenIn(call));
  }

  leave() {
    return this.#inTurn(() => this.#leave());
  }

  #inTurn(work) {
    const turn = this.#busy.then(work);
    this.#busy = turn.catch(() => null);
    return turn;
  }

  async #enter(call, mode) {
    const audio = await sound();
    if (MODES[mode].speaks) await this.#openMicrophone();
    if (this.kind === "leg" && this.call === call) {
      await request("PATCH", `/api/calls/${encodeURIComponent(call)}/supervisors/${encodeURIComponent(this.leg)}`, { mode });
      this.#entered(mode);
      return;
    }
    await this.#leave();
    const joined = await post(`/api/calls/${encodeURIComponent(call)}/supervisors`, { mode, via: "web" });
    this.#begin(call, "leg");
    this.leg = joined.leg;
    this.#entered(joined.mode ?? mode);
    this.#audio = new AudioSocket(joined.audio ?? `/api/supervisors/${encodeURIComponent(joined.leg)}/audio`, {
      start: (header) => {
        this.#micRate = header.rate;
        this.#player = new Player(audio, { rate: header.rate, channels: header.channels.length, apart: this.apart });
      },
      frame: (samples) => this.#player?.play(samples),
      missed: (ms, text) => this.#missed(ms, text),
      end: (reason) => this.#over(call, reason),
    });
    this.#remember(call, null);
    this.#tell();
  }

  async #listenIn(call) {
    const audio = await sound();
    if (this.kind === "feed" && this.call === call) return;
    await this.#leave();
    this.#begin(call, "feed");
    this.#entered("listen");
    this.#remember(call, audio);
  }

  #begin(call, kind) {
    this.call = call;
    this.kind = kind;
    this.since_ms = performance.now();
    this.missed = [];
    this.minute = null;
  }

  #entered(mode) {
    this.mode = mode;
    if (!MODES[mode].speaks) this.#closeMicrophone();
    this.#tell();
  }

  /** The feed of both voices, for the last minute; played where `audio` is given. */
  #remember(call, audio) {
    let expected_ms = null;
    this.#feed = openFeed(call, HISTORY_S, {
      start: (header) => {
        this.minute = new LastMinute(header.rate, header.channels.length);
        if (audio) this.#player = new Player(audio, { rate: header.rate, channels: header.channels.length, apart: this.apart });
        this.#tell();
      },
      frame: (samples, media_time_ms) => {
        if (expected_ms !== null && media_time_ms > expected_ms) this.minute.skip(media_time_ms - expected_ms);
        expected_ms = media_time_ms + (samples[0].length / this.minute.rate) * 1000;
        this.media_time_ms = expected_ms;
        this.minute.add(samples);
        if (audio) this.#player.play(samples);
      },
      missed: (ms, text) => this.#missed(ms, text),
      end: (reason) => audio && this.#over(call, reason),
    });
  }

  #missed(ms, text) {
    this.missed = [...this.missed.slice(-19), { at: new Date().toISOString(), ms, text }];
    this.#tell();
  }

  async #openMicrophone() {
    if (this.#mic) return;
    this.#mic = await Microphone.open(this.#micRate, (frame, level_db) => {
      this.mic_db = level_db;
      if (this.#audio && MODES[this.mode]?.speaks && this.#audio.waiting < MOST_WAITING_BYTES) this.#audio.send(frame);
    });
  }

  #closeMicrophone() {
    this.#mic?.close();
    this.#mic = null;
    this.mic_db = -100;
  }

  /** What was said in the last so many seconds, once more; the call goes on, quieter. A second call ends it. */
  async hearAgain(seconds) {
    const audio = await sound();
    if (this.replaying) {
      this.#stopReplay?.();
      return;
    }
    if (!this.minute?.written) return;
    this.replaying = true;
    this.#player?.duck(true);
    this.#stopReplay = replay(audio, this.minute.last(seconds), this.minute.rate, () => {
      this.replaying = false;
      this.#stopReplay = null;
      this.#player?.duck(false);
      this.#tell();
    });
    this.#tell();
  }

  /** The caller left and the advisor right, or both in both ears. */
  setApart(apart) {
    this.apart = apart;
    this.#player?.apart(apart);
    this.#tell();
  }

  async #leave() {
    const { call, kind, leg } = this;
    this.#close();
    if (kind === "leg") {
      await request("DELETE", `/api/calls/${encodeURIComponent(call)}/supervisors/${encodeURIComponent(leg)}`).catch((refused) => {
        if (refused.status !== 404) throw refused; // it was over before
      });
    }
  }

  #close() {
    this.#stopReplay?.();
    this.#closeMicrophone();
    this.#feed?.close();
    this.#audio?.close();
    this.#player?.close();
    this.#feed = this.#audio = this.#player = null;
    this.call = this.kind = this.mode = this.leg = this.minute = null;
    this.#tell();
  }

  #over(call, reason) {
    if (this.call !== call) return;
    this.#close();
    this.say(`You are off the call: ${reason}.`);
  }

  /** What the gateway tells of this person's leg. */
  #follow(changed) {
    if (!this.call || !(changed.whole || changed.calls.has(this.call))) return;
    const call = this.house.calls.get(this.call);
    if (!call) {
      this.#over(this.call, "the call has ended");
      return;
    }
    if (this.kind !== "leg") return;
    const mine = call.supervisors.find((supervisor) => supervisor.leg === this.leg);
    if (mine && mine.mode !== this.mode) this.#entered(mine.mode);
    else if (!mine && changed.kind === "call.changed") this.#over(this.call, "your line was taken off it");
  }
}
