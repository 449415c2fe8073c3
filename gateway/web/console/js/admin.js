/** How the gateway is: health, trunks, who is signed in, users. Looked at every few seconds. */

import { get } from "./api.js";
import { elapsed } from "./clock.js";
import { el, keep, setText } from "./dom.js";

const LOOK_EVERY_MS = 3000;

export function openAdmin({ attempt }) {
  const health = el("dl", { class: "health" });
  const trunks = list(["Trunk", "Address", "Transport", "State"]);
  const users = list(["User", "Roles", "Teams", "Kept in", "Now"]);
  const signedIn = el("p");
  let timer = 0;
  let closed = false;

  async function look() {
    const system = await attempt(get("/api/system"));
    if (closed) return;
    if (system) show(system);
    timer = setTimeout(look, LOOK_EVERY_MS);
  }

  function show(system) {
    keep(health, facts(system), (one) => one, ([name, text, good]) => el("div", { "data-good": good === null ? null : good ? "yes" : "no" }, el("dt", { text: name }), el("dd", { text })));
    fill(trunks, system.trunks, (one) => [one.name, one.uri, one.transport, state(one)]);
    fill(users, system.users, (one) => [one.name || one.id, one.roles.join(", "), one.teams.map((team) => (team === "*" ? "all" : team)).join(", "), one.from, one.disabled ? "disabled" : one.here ? "here" : ""]);
    const names = [...new Set(system.signed_in.map((one) => one.name || one.user))];
    setText(signedIn, names.length ? `Signed in: ${names.join(", ")}.` : "Nobody is signed in by password.");
  }

  look();
  return {
    title: "Admin",
    element: el("section", { class: "page admin", "aria-label": "Admin" }, el("h1", { text: "Admin" }), health, el("h2", { text: "Trunks" }), trunks.table, el("h2", { text: "Users" }), signedIn, users.table),
    close() {
      closed = true;
      clearTimeout(timer);
    },
  };
}

function state({ up, since, why, options_interval }) {
  if (up === null) return options_interval ? "not answered yet" : "not watched";
  return up ? `up for ${elapsed(since)}` : `DOWN for ${elapsed(since)}: ${why}`;
}

/** name, what it is like, and whether that is good; null: neither. */
function facts({ node, site, version, started_at, health, calls, alerts, sip }) {
  const { ready, why_not, store, trail, mqtt, drill } = health;
  const told = [
    ["Gateway", `${node} at ${site}, version ${version}, running for ${elapsed(started_at)}`, null],
    ["New calls", ready ? "are taken" : `are refused: ${why_not}`, ready],
    ["Calls", `${calls.live} of at most ${calls.most}, ${calls.supervised} supervised; ${sip.legs} SIP legs of ${sip.capacity}`, null],
    ["Alerts", alerts.open ? `${alerts.open} open, the oldest for ${Math.round(alerts.oldest_s)} s` : "none open", alerts.open ? false : null],
    ["Store", store.ok ? `answers (${store.place.startsWith("sqlite") ? "SQLite" : "PostgreSQL"})` : `does not answer: ${store.why}`, store.ok],
    ["Trail", trail.ok ? "is written" : `cannot be written (${trail.why}); ${trail.waiting} records wait`, trail.ok],
    ["Broker", !mqtt ? "none configured" : mqtt.connected ? `connected (${mqtt.url})` : `not connected (${mqtt.url}); ${mqtt.waiting_alerts} alerts wait for it`, mqtt ? mqtt.connected : null],
  ];
  if (drill) told.push(["Alert drill", drill.ok === null ? "not yet held" : drill.ok ? "went through" : `FAILED: ${drill.why ?? ""}`, drill.ok]);
  return told;
}

function list(headings) {
  const rows = el("tbody");
  return { rows, table: el("table", { class: "list" }, el("thead", {}, el("tr", {}, headings.map((text) => el("th", { scope: "col", text })))), rows) };
}

function fill({ rows }, items, cells) {
  keep(rows, items, cells, (item) => el("tr", {}, cells(item).map((text) => el("td", { text }))));
}
