/**
 * This person's presence on a call, at most one at a time: on the call as a supervisor, or hearing its feed.
 *
 * The mode shown is the one that the gateway tells, never the one that was asked for. A mode in which somebody would hear this person is
 * asked for only once the microphone is open: no patient is left with silence.
 */

import { post, request } from "./api.js";
import { openFeed } from "./feed.js";
import { Headset } from "./headset.js";
import { LastMinute } from "./minute.js";
import { MODES } from "./modes.js";
import { Microphone, Player, replay, sound } from "./sound.js";

const HISTORY_S = 30;
const NARROW_HZ = 8000;
const WIDE_HZ = 16000;

export class OnAir {
  call = null;
  /** `leg`: on the call; `feed`: hears it from outside. */
  kind = null;
  mode = null;
  leg = null;
  /** The line is being opened again. */
  broken = false;
  /** `{at, text}` of what was missed, newest last. */
  missed = [];
  minute = null;
  media_time_ms = 0;
  mic_db = -100;
  replaying = false;
  apart = true;

  #player = null;
  #feed = null;
  #headset = null;
  #mic = null;
  #stopReplay = null;
  #watchers = new Set();
  #busy = Promise.resolve();

  /** say(text): tells the person something. */
  constructor(house, session, say) {
    this.house = house;
    this.session = session;
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

  /** Be on `call` in `mode`; one after the other, however fast the keys come. Raises Error with plain words. */
  enter(call, mode) {
    return this.#inTurn(() => this.#enter(call, mode));
  }

  /** Hear a call's feed without being on the call. Raises Error with plain words. */
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
    const audio = await sound(this.say);
    if (MODES[mode].speaks) await this.#openMicrophone();
    if (this.kind === "leg" && this.call === call) await this.#change(mode);
    else await this.#join(audio, call, mode);
  }

  async #change(mode) {
    const headset = this.#headset;
    headset.speakIn = mode;
    try {
      await request("PATCH", `/api/calls/${encodeURIComponent(this.call)}/supervisors/${encodeURIComponent(this.leg)}`, { mode });
    } catch (refused) {
      headset.speakIn = this.mode ?? "listen";
      throw refused;
    }
  }

  async #join(audio, call, mode) {
    await this.#leave({ keepMicrophone: MODES[mode].speaks });
    const joined = await post(`/api/calls/${encodeURIComponent(call)}/supervisors`, { mode, via: "web", rate: WIDE_HZ }).catch((refused) => {
      this.#closeMicrophone();
      throw refused;
    });
    this.#begin(call, "leg");
    this.leg = joined.leg;
    this.#entered(joined.mode);
    this.#headset = new Headset(joined.audio, joined.mode, {
      start: (header) => {
        this.#mic?.tune(header.up.rate);
        this.#play(audio, header);
      },
      mode: (held) => this.#entered(held),
      frame: (samples) => this.#player?.play(samples),
      missed: (ms, text) => this.#missed(ms, text),
      broken: () => {
        this.broken = true;
        this.#tell();
      },
      end: (reason) => this.#over(call, reason),
    });
    if (this.session.may("stream")) this.#remember(call, null);
  }

  async #listenIn(call) {
    const audio = await sound(this.say);
    if (this.kind === "feed" && this.call === call) return;
    await this.#leave();
    this.#begin(call, "feed");
    this.#entered("listen");
    this.#remember(call, audio);
  }

  #begin(call, kind) {
    this.call = call;
    this.kind = kind;
    this.missed = [];
    this.minute = null;
  }

  #entered(mode) {
    this.broken = false;
    this.mode = mode;
    if (this.#headset) this.#headset.speakIn = mode;
    if (!MODES[mode].speaks) this.#closeMicrophone();
    this.#tell();
  }

  #play(audio, header) {
    this.#player?.close();
    this.#player = new Player(audio, { rate: header.rate, channels: header.channels.length, apart: this.apart });
  }

  /** The feed of both voices, for the last minute; played where `audio` is given. */
  #remember(call, audio) {
    let expected_ms = null;
    let live = false;
    const rate = this.house.calls.get(call)?.wideband ? WIDE_HZ : NARROW_HZ;
    this.#feed = openFeed(call, rate, HISTORY_S, {
      start: (header) => {
        live = header.live ?? true;
        this.minute = new LastMinute(header.rate, header.channels.length);
        if (audio) this.#play(audio, header);
        this.#tell();
      },
      frame: (samples, media_time_ms) => {
        if (expected_ms !== null && media_time_ms > expected_ms) this.minute.skip(media_time_ms - expected_ms);
        expected_ms = this.media_time_ms = media_time_ms + (samples[0].length / this.minute.rate) * 1000;
        this.minute.add(samples);
        if (audio && live) this.#player.play(samples);
      },
      told: (message) => {
        if (message.type === "live") live = true;
      },
      missed: (ms, text) => audio && this.#missed(ms, text),
      end: (reason) => audio && this.#over(call, reason),
    });
  }

  #missed(ms, text) {
    this.missed = [...this.missed.slice(-19), { at: new Date().toISOString(), ms, text }];
    this.#tell();
  }

  async #openMicrophone() {
    this.#mic ??= await Microphone.open(this.#headset?.rate ?? NARROW_HZ, (frame, level_db) => {
      this.mic_db = level_db;
      this.#headset?.say(frame);
    });
  }

  #closeMicrophone() {
    this.#mic?.close();
    this.#mic = null;
    this.mic_db = -100;
  }

  /** What was said in the last so many seconds, once more; the call goes on, quieter. A second call ends it. */
  async hearAgain(seconds) {
    const audio = await sound(this.say);
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

  async #leave({ keepMicrophone = false } = {}) {
    const { call, kind, leg } = this;
    this.#close(keepMicrophone);
    if (kind === "leg") {
      await request("DELETE", `/api/calls/${encodeURIComponent(call)}/supervisors/${encodeURIComponent(leg)}`).catch((refused) => {
        if (refused.status !== 404) throw refused; // the closed line has ended it already
      });
    }
  }

  #close(keepMicrophone = false) {
    this.#stopReplay?.();
    if (!keepMicrophone) this.#closeMicrophone();
    this.#feed?.close();
    this.#headset?.close();
    this.#player?.close();
    this.#feed = this.#headset = this.#player = null;
    this.call = this.kind = this.mode = this.leg = this.minute = null;
    this.broken = false;
    this.#tell();
  }

  #over(call, reason) {
    if (this.call !== call) return;
    this.#close();
    this.say(`You are off the call: ${reason}.`);
  }

  /** The call may end before the line says so. */
  #follow(changed) {
    if (this.call && (changed.whole || changed.calls.has(this.call)) && !this.house.calls.has(this.call)) this.#over(this.call, "it has ended");
  }
}
