/** The sound card: one context for the page, players of feeds, the microphone, and the alert's chime. */

const FRAME_MS = 20;
const LOOK_MS = 100;
/** A browser that has not begun to play by then is said to give no sound, and given up at last. */
const SILENT_MS = 2_000;
const GIVEN_UP_MS = 10_000;
const NO_SOUND =
  "The browser gives this page no sound yet. Click anywhere on the page; plug in a headset or loudspeaker and choose it as this computer's output; " +
  "allow sound for this page (the sign beside the address). Nobody on the call notices any of this.";
let context = null;
let ready = null;

/** Why this page can have no sound; null: it can. */
export function whyNoSound() {
  if (!window.isSecureContext) return "This page was opened without https, so the browser gives it no sound. Ask the telephony admin for the https address.";
  if (!window.AudioWorklet) return "This browser is too old to play live audio. Use a current Edge, Chrome or Firefox.";
  return null;
}

/**
 * The context with its worklets, playing; call it from a click or a key first, or the browser keeps it silent. `say(text)` is told where that
 * takes long. Raises Error with plain words.
 */
export async function sound(say = () => {}) {
  const why = whyNoSound();
  if (why) throw new Error(why);
  context ??= new AudioContext({ latencyHint: "interactive" });
  ready ??= Promise.all(["player", "recorder"].map((name) => context.audioWorklet.addModule(`/console/worklets/${name}.js`)));
  await ready;
  await playing(say);
  return context;
}

/** Looks at the state: without permission, or without a device in Firefox, the promise of `resume` may never be kept nor broken. */
async function playing(say) {
  const began = performance.now();
  for (let said = false; context.state !== "running"; ) {
    context.resume().catch(() => null);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    const waited = performance.now() - began;
    if (context.state !== "running" && waited > GIVEN_UP_MS) throw new Error("There is still no sound: try again when there is.");
    if (context.state !== "running" && waited > SILENT_MS && !said) {
      said = true;
      say(NO_SOUND);
    }
  }
}

/** Both voices in both ears, or the caller left and the advisor right. */
function gainsFor(channels, apart) {
  if (channels === 1) return [[1, 1]];
  return apart ? [[1, 0.15], [0.15, 1]] : [[0.8, 0.8], [0.8, 0.8]];
}

/** Plays a live feed as it comes. */
export class Player {
  /** told: four times a second how much is held back [ms] and what was skipped. */
  constructor(audio, { rate, channels, apart = true, told = () => {} }) {
    this.channels = channels;
    this.volume = new GainNode(audio);
    this.node = new AudioWorkletNode(audio, "player", { numberOfInputs: 0, outputChannelCount: [2], processorOptions: { rate, channels } });
    this.node.port.onmessage = ({ data }) => told(data);
    this.apart(apart);
    this.node.connect(this.volume).connect(audio.destination);
  }

  /** One frame: a Float32Array for each channel. */
  play(samples) {
    this.node.port.postMessage({ samples });
  }

  apart(apart) {
    this.node.port.postMessage({ gains: gainsFor(this.channels, apart) });
  }

  /** Quieter while something else is to be heard, or as before. */
  duck(quieter) {
    this.volume.gain.setTargetAtTime(quieter ? 0.15 : 1, this.volume.context.currentTime, 0.05);
  }

  close() {
    this.node.port.postMessage({ close: true });
    this.volume.disconnect();
  }
}

/** Plays what was heard before, once. */
export function replay(audio, channels, rate, ended) {
  const source = new AudioBufferSourceNode(audio, { buffer: new AudioBuffer({ length: channels[0].length, numberOfChannels: channels.length, sampleRate: rate }) });
  channels.forEach((samples, number) => source.buffer.copyToChannel(samples, number));
  source.connect(audio.destination);
  source.onended = () => {
    source.disconnect();
    ended();
  };
  source.start();
  return () => source.stop();
}

const REFUSALS = {
  NotAllowedError: "The browser may not use your microphone. Click the lock or microphone beside the address, allow it, and try again. You can still listen.",
  NotFoundError: "No microphone was found. Plug in your headset and try again. You can still listen.",
  NotReadableError: "Another program is using your microphone. Close it and try again. You can still listen.",
};

/** The microphone, with echo and noise taken out by the browser. */
export class Microphone {
  /** frame: (20 ms of big-endian L16 at `rate`, level in dBFS). Raises Error with plain words. */
  static async open(rate, frame) {
    const audio = await sound();
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({
        audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1 },
      });
    } catch (error) {
      throw new Error(REFUSALS[error.name] ?? `The microphone cannot be used: ${error.message}. You can still listen.`);
    }
    return new Microphone(audio, stream, rate, frame);
  }

  constructor(audio, stream, rate, frame) {
    this.stream = stream;
    this.source = new MediaStreamAudioSourceNode(audio, { mediaStream: stream });
    this.node = new AudioWorkletNode(audio, "recorder", { numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit", processorOptions: { rate, frame_ms: FRAME_MS } });
    this.node.port.onmessage = ({ data }) => frame(data.frame, data.level_db);
    this.source.connect(this.node);
  }

  /** From now on at this rate. */
  tune(rate) {
    this.node.port.postMessage({ rate });
  }

  close() {
    this.source.disconnect();
    this.node.port.postMessage({ close: true });
    for (const track of this.stream.getTracks()) track.stop();
  }
}

/** Two rising notes: an alert. Silent where the browser has not been clicked yet. */
export function chime(quiet = false) {
  if (context?.state !== "running") return;
  const start = context.currentTime;
  for (const [index, hz] of [660, 880, 660, 880].entries()) {
    const at = start + index * 0.18;
    const note = new OscillatorNode(context, { type: "triangle", frequency: hz });
    const volume = new GainNode(context, { gain: 0 });
    volume.gain.setTargetAtTime(quiet ? 0.06 : 0.25, at, 0.01);
    volume.gain.setTargetAtTime(0, at + 0.13, 0.02);
    note.connect(volume).connect(context.destination);
    note.start(at);
    note.stop(at + 0.3);
  }
}
