/** The four things that a supervisor can be doing, in the words and keys of the console. The phone's keys work, too. */

import { nameOf } from "./house.js";

export const MODES = {
  listen: { verb: "Listen", doing: "Listening", keys: ["l", "4"], speaks: false, heard: () => "Nobody hears you." },
  whisper: { verb: "Whisper", doing: "Whispering", keys: ["w", "5"], speaks: true, heard: (call) => `Only ${nameOf(call?.advisor)} hears you. The patient does not.` },
  barge: { verb: "Barge in", doing: "Joined in", keys: ["b", "6"], speaks: true, heard: (call) => `${nameOf(call?.advisor)} and the patient hear you.` },
  takeover: { verb: "Take over", doing: "Taken over", keys: ["t"], speaks: true, heard: () => "The patient hears you, and only you. The patient is yours." },
};

export const LEAVE_KEYS = ["x", "#"];

/** The mode that a key stands for; undefined: none. */
export function modeOfKey(key) {
  return Object.keys(MODES).find((mode) => MODES[mode].keys.includes(key.toLowerCase()));
}
