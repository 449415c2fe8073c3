/** The gateway's time as this page knows it, and times in words. */

let offset_ms = 0;

/** Learn from the `Date` of an answer. It counts whole seconds, so a small difference is taken for none. */
export function learnTime(date) {
  const told = Date.parse(date ?? "");
  if (Number.isNaN(told)) return;
  const difference = told + 500 - Date.now();
  offset_ms = Math.abs(difference) < 2000 ? 0 : difference;
}

/** Milliseconds since 1970 at the gateway. */
export function now() {
  return Date.now() + offset_ms;
}

/** `4:07`, `1:02:03`; a dash where there is no time. */
export function elapsed(from, until = now()) {
  if (!from) return "–";
  const seconds = Math.max(0, Math.floor(((typeof until === "string" ? Date.parse(until) : until) - Date.parse(from)) / 1000));
  const pad = (value) => String(value).padStart(2, "0");
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  return hours ? `${hours}:${pad(minutes)}:${pad(seconds % 60)}` : `${minutes}:${pad(seconds % 60)}`;
}

/** `10:49:03`, in the time of this computer. */
export function timeOfDay(at) {
  return at ? new Date(at).toLocaleTimeString("en-GB") : "–";
}
