/** All that is known of the house: calls, alerts, who is on duty. Kept true by the event stream; no DOM here. */

/** Told on a change: `{calls: Set of ids, whole: the snapshot came anew; talk: nothing but who speaks; alerts, people: booleans; kind, data}`. */
export class House {
  calls = new Map();
  alerts = new Map();
  /** Of this session: alerts that are over, newest first. */
  settled = [];
  /** By call: who speaks and for how long, `levels` of caller and advisor [dBFS]. */
  talk = new Map();
  /** Who is on duty, by user. */
  duty = new Map();
  /** Requests that are not closed, by id. */
  help = new Map();

  #watchers = new Set();

  watch(watcher) {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** A message of `WS /api/events`. */
  take(message) {
    if (message.type === "snapshot") this.#snapshot(message);
    else if (message.type === "event") this.#event(message);
  }

  #snapshot({ calls, alerts, duty, help }) {
    this.calls = new Map(calls.map((call) => [call.id, call]));
    this.alerts = new Map(alerts.map((alert) => [alert.id, alert]));
    this.talk = new Map([...this.talk].filter(([call]) => this.calls.has(call)));
    for (const call of calls) if (call.talk) this.talk.set(call.id, call.talk);
    this.duty = new Map((duty ?? []).map((one) => [one.user, one]));
    this.help = new Map((help ?? []).map((one) => [one.id, one]));
    this.#tell({ calls: new Set(this.calls.keys()), whole: true, alerts: true, people: true });
  }

  #event({ kind, call, data, at }) {
    const [family] = kind.split(".");
    const changed = { calls: new Set(call ? [call] : []), whole: false, talk: false, alerts: false, people: false, kind, data, at };
    if (kind === "call.talk" || kind === "talk.levels") this.#talk(call, data, changed);
    else if (kind === "call.ended" || kind === "call.refused") {
      this.calls.delete(call);
      this.talk.delete(call);
    } else if (family === "call" && data.id) this.calls.set(call, { ...this.calls.get(call), ...data });
    else if (family === "feed") this.#feed(kind, call, data, at);
    else if (kind === "stream.quality") this.#quality(call, data);
    else if (family === "alert" && data.state) changed.alerts = this.#alert(data);
    else if (kind === "duty.changed") {
      if (data.on) this.duty.set(data.user, data);
      else this.duty.delete(data.user);
      changed.people = true;
    } else if (family === "help" && data.state) {
      if (data.state === "closed") this.help.delete(data.id);
      else this.help.set(data.id, data);
      changed.people = true;
    }
    this.#tell(changed);
  }

  #talk(call, data, changed) {
    changed.talk = true;
    if (call) this.talk.set(call, { ...this.talk.get(call), ...data });
    for (const [id, levels] of Object.entries(data.levels ?? {})) {
      if (!this.calls.has(id)) continue;
      this.talk.set(id, { ...this.talk.get(id), levels });
      changed.calls.add(id);
    }
  }

  #alert(alert) {
    if (alert.state === "resolved") {
      this.alerts.delete(alert.id);
      this.settled = [alert, ...this.settled.filter((one) => one.id !== alert.id)].slice(0, 50);
    } else this.alerts.set(alert.id, alert);
    const call = this.calls.get(alert.call);
    if (call) this.calls.set(call.id, { ...call, alert: alert.state === "resolved" ? null : { id: alert.id, state: alert.state } });
    return true;
  }

  #quality(id, data) {
    const call = this.calls.get(id);
    if (call) this.calls.set(id, { ...call, quality: { ...call.quality, [data.role]: data } });
  }

  #feed(kind, id, data, at) {
    const call = this.calls.get(id);
    if (!call) return;
    const feeds = [...(call.feeds ?? [])];
    if (kind === "feed.started") feeds.push({ user: data.user, name: data.name, since: at });
    else {
      const index = feeds.findIndex((feed) => feed.user === data.user);
      if (index >= 0) feeds.splice(index, 1);
    }
    this.calls.set(id, { ...call, feeds });
  }

  #tell(changed) {
    for (const watcher of this.#watchers) watcher(changed);
  }
}

/** What a meter shows of one side of a call: 0 the caller, 1 the advisor. */
export function heardOf(talk, side) {
  if (!talk) return null;
  const talking = talk.talking === "both" || talk.talking === (side ? "advisor" : "caller");
  return { level_db: talk.levels?.[side] ?? (talking ? -24 : -96), talking };
}

/** `both at once`, `dead air`, or nothing. */
export function markOf(talk) {
  return talk?.talking === "both" ? "both at once" : talk?.dead_air ? "dead air" : "";
}

const POOR_MOS = 3.6;

/** The worse of both lines, as the E-model scores it (1 to 4.5): `mos`, null while nothing is measured; `whose` where it is poor. */
export function lineOf(call) {
  const measured = ["advisor", "caller"].map((role) => [role, call.quality?.[role]?.mos ?? null]).filter(([, mos]) => mos !== null);
  if (!measured.length) return { mos: null, whose: "" };
  const [role, mos] = measured.reduce((worst, one) => (one[1] < worst[1] ? one : worst));
  return { mos, whose: mos < POOR_MOS ? (role === "caller" ? "patient" : "advisor") : "" };
}

/** `4.4`, `poor: advisor 3.1`, or nothing. */
export function lineInWords(call) {
  const { mos, whose } = lineOf(call);
  return mos === null ? "" : whose ? `poor: ${whose} ${mos.toFixed(1)}` : mos.toFixed(1);
}

/** `Ada Example`, else the extension. */
export function nameOf(advisor) {
  return advisor?.name || advisor?.id || (advisor?.extension ? `extension ${advisor.extension}` : "somebody");
}

const STATES = { offered: "starting", ringing: "ringing", early: "ringing", talking: "talking", taken: "taken over" };

/** The call's state in a word that an advisor would use. */
export function stateOf(call) {
  return call.private ? "private" : call.on_hold ? "on hold" : (STATES[call.state] ?? call.state);
}
