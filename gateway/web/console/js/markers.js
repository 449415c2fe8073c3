/** Moments of a call that an auditor has marked. */

import { el } from "./dom.js";

/** `1:02`: where in the call. */
export function place({ media_time_ms }) {
  const seconds = Math.floor(media_time_ms / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

export function markerList(markers) {
  return markers.map((marker) => el("li", { "data-marker": marker.number }, el("b", { text: `${marker.number} at ${place(marker)}` }), marker.note ? ` · ${marker.note}` : ""));
}
