/** One audit: hear the call live, mark moments with a key, score it against its form, finish. An auditor cannot speak. */

import { get, post, request } from "./api.js";
import { AuditForm } from "./auditform.js";
import { elapsed } from "./clock.js";
import { button, el, setText } from "./dom.js";
import { everyFrame } from "./frames.js";
import { nameOf } from "./house.js";
import { bindKeys } from "./keys.js";
import { markerList } from "./markers.js";
import { Waveform } from "./waveform.js";

export function openAudit({ house, onair, session, act }, id) {
  const path = `/api/audits/${encodeURIComponent(id)}`;
  const title = el("h1", { text: "Audit" });
  const facts = el("p", { class: "facts" });
  const listen = button("Listen", () => act(() => onair.listenIn(audit.call)), { class: "primary", hidden: true });
  const state = el("p", { class: "faint", role: "status" });
  const note = el("input", { placeholder: "note, if you like", "aria-label": "Note of the marker", maxlength: "1000", disabled: true });
  const mark = button("Mark this moment (M)", () => act(makeMarker), { disabled: true });
  const marks = el("ol", { class: "markers", "aria-label": "Markers" });
  const missed = el("ul", { class: "missed", "aria-label": "What you missed", "aria-live": "polite" });
  const waves = [new Waveform("Patient", "patient"), new Waveform("Advisor", "advisor")];
  const score = el("p", { class: "score", role: "status" });
  const comment = el("textarea", { rows: "3", "aria-label": "Comment on the whole call", placeholder: "Comment on the whole call. Write nothing about the patient.", onchange: () => change({ comment: comment.value }) });
  const finish = button("Finish", () => act(() => end()), { class: "primary large", hidden: true });
  const form = el("div");
  let audit = null;
  let criteria = null;
  let sent = Promise.resolve();

  /** Changes go one after the other, so that the last answer is the one that is kept. */
  function change(changes, told = () => {}) {
    sent = sent.then(() =>
      act(async () => {
        const now = await request("PATCH", path, changes).finally(told);
        show(now);
      }),
    );
  }

  async function makeMarker() {
    if (audit?.state === "finished" || onair.call !== audit?.call || !onair.minute?.written) return;
    const marker = await post(`${path}/markers`, { media_time_ms: Math.round(onair.media_time_ms), note: note.value });
    note.value = "";
    show({ ...audit, markers: [...audit.markers, marker] });
  }

  async function end() {
    await sent;
    show(await post(`${path}/finish`));
  }

  function show(told) {
    audit = told;
    const { result } = audit;
    const open = result.missing.length;
    setText(title, `Audit: ${nameOf(audit.advisor)}`);
    setText(facts, `${audit.form.title}, version ${audit.form.version}${audit.team ? ` · team ${audit.team}` : ""} · by ${audit.auditor === session.id ? "you" : audit.auditor_name}`);
    setText(score, `${result.percent === null ? "No score yet" : `${result.percent.toFixed(1)} %`}${result.failed_all.length ? " · failed: a criterion that fails the whole audit" : ""}${audit.state === "finished" ? ` · ${result.passed ? "passed" : "not passed"} · finished` : open ? ` · ${open} still to do` : " · complete"}`);
    score.dataset.passed = audit.state === "finished" || !open ? (result.passed ? "yes" : "no") : "open";
    if (document.activeElement !== comment) comment.value = audit.comment;
    comment.disabled = finish.hidden = audit.state === "finished" || audit.auditor !== session.id;
    if (criteria) criteria.show(audit);
    else {
      criteria = new AuditForm(audit, (answers, told) => change({ answers }, told));
      form.replaceChildren(criteria.element);
    }
    marks.replaceChildren(...markerList(audit.markers));
    standing();
  }

  function standing() {
    if (!audit) return;
    const call = house.calls.get(audit.call);
    const here = onair.call === audit.call;
    const mine = audit.state === "open" && audit.auditor === session.id;
    listen.hidden = !call || here;
    mark.hidden = note.hidden = !mine;
    mark.disabled = note.disabled = !(here && onair.minute?.written);
    setText(state, here ? `You hear the call live, for ${elapsed(call?.answered_at)}. Nobody hears you.` : call ? "The call is live." : "The call has ended. You can still score it.");
    missed.replaceChildren(...(here ? onair.missed : []).map((one) => el("li", { text: one.text })));
  }

  const ends = [
    onair.watch(standing),
    house.watch((changed) => {
      if (audit && !changed.talk && (changed.whole || changed.calls.has(audit.call))) standing();
    }),
    everyFrame((_, aSecondOn) => {
      if (aSecondOn || (mark.disabled && onair.minute?.written)) standing();
      if (audit && onair.call === audit.call && onair.minute) waves.forEach((wave, side) => wave.draw(onair.minute.shape(side)));
    }),
    bindKeys((key) => {
      if (key.toLowerCase() !== "m") return false;
      act(makeMarker);
      return true;
    }),
  ];
  act(async () => show(await get(path)));
  return {
    title: "Audit",
    element: el(
      "section",
      { class: "audit", "aria-label": "Audit" },
      el("header", {}, title, facts),
      el("div", { class: "hearing" }, el("div", { class: "tools" }, listen, state), waves.map((wave) => wave.element), missed, el("div", { class: "tools" }, mark, note), marks),
      el("div", { class: "scoring" }, score, form, comment, finish),
    ),
    close: () => ends.forEach((stop) => stop()),
  };
}
