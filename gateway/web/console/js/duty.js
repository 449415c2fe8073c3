/** Who is on duty, going on and off duty, and what advisors have asked for. */

import { get, request } from "./api.js";
import { timeOfDay } from "./clock.js";
import { button, el, setText } from "./dom.js";
import { everyFrame } from "./frames.js";
import { helpCards } from "./helpcard.js";

export function openDuty({ house, session, onair, act, go }) {
  const may = session.may("duty");
  const standing = el("p", { class: "standing", role: "status" });
  const clinical = el("input", { type: "checkbox", name: "clinical" });
  const all = session.teams.includes("*");
  const teams = el("input", { name: "teams", placeholder: all ? "all teams" : session.teams.join(", "), "aria-describedby": "teams-hint", spellcheck: "false" });
  const come = el("button", { class: "primary large" });
  const off = button("Go off duty", () => act(() => change({ on: false })), { class: "large" });
  const form = el(
    "form",
    { class: "duty", "aria-label": "Your duty", hidden: true, onsubmit: (event) => { event.preventDefault(); act(() => change({ on: true, clinical: clinical.checked, teams: chosen() })); } },
    standing,
    el("label", {}, clinical, " I may give clinical advice"),
    el("label", { class: "wide" }, "Teams", teams),
    el("p", { id: "teams-hint", class: "faint", text: "Leave empty for all of yours; else their names with commas between." }),
    el("div", { class: "tools" }, come, off),
  );
  const people = el("ul", { class: "people", "aria-label": "On duty" });
  const questions = el("div", { class: "questions" });
  const none = el("p", { class: "faint", text: "No questions." });
  let own = null;
  let stale = true;

  function chosen() {
    const named = teams.value.split(",").map((name) => name.trim()).filter(Boolean);
    return named.length ? named : undefined;
  }

  async function change(wanted) {
    show(await request("PUT", "/api/duty", wanted));
  }

  function show(duty) {
    own = duty;
    form.hidden = false;
    setText(standing, duty.on ? `You are on duty since ${timeOfDay(duty.since)}. Alerts and questions ring for you.` : "You are off duty. Alerts ring those on duty first.");
    setText(come, duty.on ? "Change" : "Go on duty");
    off.hidden = !duty.on;
    if (!duty.on) return;
    clinical.checked = duty.clinical;
    teams.value = duty.teams.includes("*") ? "" : duty.teams.join(", ");
  }

  function showAll() {
    const mine = house.duty.get(session.id);
    if (may && own && Boolean(mine) !== own.on) show(mine ?? { on: false, teams: [] });
    people.replaceChildren(...[...house.duty.values()].map((one) => el("li", {}, el("b", { text: one.name || one.user }), ` · ${one.clinical ? "clinical" : "not clinical"} · ${one.teams.includes("*") ? "all teams" : one.teams.join(", ")} · since ${timeOfDay(one.since)}`)));
    if (!house.duty.size) people.append(el("li", { class: "nobody", text: "Nobody is on duty. An alert rings the front desk at once." }));
    helpCards(questions, [...house.help.values()], { house, session, onair, act, go });
    none.hidden = house.help.size > 0;
  }

  const ends = [
    house.watch((changed) => {
      if (changed.whole || changed.people) stale = true;
    }),
    everyFrame((_, aSecondOn) => {
      if (stale || (aSecondOn && house.help.size)) showAll();
      stale = false;
    }),
  ];
  if (may) act(async () => show((await get("/api/duty")).own));
  return {
    title: "Duty",
    element: el("section", { class: "page", "aria-label": "Duty" }, el("h1", { text: "Duty" }), may ? form : null, el("h2", { text: "On duty now" }), people, el("h2", { text: "Asked by advisors" }), none, questions),
    close: () => ends.forEach((end) => end()),
  };
}
