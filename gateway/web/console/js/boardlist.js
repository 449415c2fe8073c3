/** Which calls the board shows and in which order. Pure. */

import { lineOf, nameOf, stateOf } from "./house.js";

const ALERT_RANK = { raised: 0, acknowledged: 1 };
const attention = (call) => ALERT_RANK[call.alert?.state] ?? 2;
const byText = (text) => (a, b) => text(a).localeCompare(text(b));
const started = (call) => call.answered_at ?? call.started_at ?? "";
const line = (call) => lineOf(call).mos ?? 5;
const oldestFirst = (a, b) => (started(a) < started(b) ? -1 : started(a) > started(b) ? 1 : 0);

/** title, and how to compare two calls; null: no order by this. */
export const COLUMNS = [
  { name: "attention", title: "Alert", sort: (a, b) => attention(a) - attention(b) },
  { name: "advisor", title: "Advisor", sort: byText((call) => nameOf(call.advisor)) },
  { name: "team", title: "Team", sort: byText((call) => call.team ?? "") },
  { name: "state", title: "Call", sort: byText(stateOf) },
  { name: "duration", title: "For", sort: (a, b) => oldestFirst(a, b) },
  { name: "patient", title: "Patient speaks" },
  { name: "speaking", title: "Advisor speaks" },
  { name: "marks", title: "" },
  { name: "line", title: "Line", sort: (a, b) => line(a) - line(b) },
  { name: "supervisors", title: "On the call", sort: (a, b) => b.supervisors.length - a.supervisors.length },
];

const ONLY = {
  "": () => true,
  alert: (call) => Boolean(call.alert),
  supervised: (call) => call.supervisors.length > 0,
  alone: (call) => call.supervisors.length === 0,
};

export function filtered(calls, { text, team, only }) {
  return calls.filter((call) => ONLY[only](call) && (!team || call.team === team) && (!text || words(call).includes(text)));
}

function words(call) {
  const { advisor } = call;
  return [nameOf(advisor), advisor?.extension, call.team, call.caller, ...call.supervisors.map((one) => one.name || one.user)].join(" ").toLowerCase();
}

/** The column's order; equals by the length of the call, then by name of the call, so that rows never swap without reason. */
export function sorted(calls, { column, down }) {
  const { sort } = COLUMNS.find((one) => one.name === column);
  const way = down ? -1 : 1;
  return calls.sort((a, b) => way * sort(a, b) || oldestFirst(a, b) || (a.id < b.id ? -1 : 1));
}

export function teamsOf(calls) {
  return [...new Set([...calls].map((call) => call.team).filter(Boolean))].sort();
}
