/** The audits that one may read: one's own, a manager's teams'. And their export. */

import { get } from "./api.js";
import { el, setText } from "./dom.js";
import { nameOf } from "./house.js";

const HEADINGS = ["Begun", "Advisor", "Team", "Form", "By", "Score", "State"];

export function openAudits({ session, act }) {
  const rows = el("tbody");
  const table = el("table", { class: "list", hidden: true }, el("caption", { class: "unseen", text: "Audits" }), el("thead", {}, el("tr", {}, HEADINGS.map((text) => el("th", { scope: "col", text })))), rows);
  const none = el("p", { class: "empty", text: "" });
  const exports = ["csv", "json"].map((format) => el("a", { class: "button", href: `/api/audits?format=${format}`, download: `audits.${format}`, text: `Export as ${format.toUpperCase()}` }));

  function row(audit) {
    const { result } = audit;
    const score = result.percent === null ? "–" : `${result.percent.toFixed(1)} %`;
    const verdict = audit.state === "finished" ? (result.passed ? "passed" : "not passed") : `open, ${result.missing.length} to do`;
    return el(
      "tr",
      { "data-audit": audit.id },
      el("td", { text: new Date(audit.created_at).toLocaleString("en-GB", { dateStyle: "short", timeStyle: "short" }) }),
      el("td", {}, el("a", { href: `#/audit/${encodeURIComponent(audit.id)}`, text: nameOf(audit.advisor) })),
      el("td", { text: audit.team }),
      el("td", { text: `${audit.form.title}, version ${audit.form.version}` }),
      el("td", { text: audit.auditor_name || audit.auditor }),
      el("td", { class: "number", text: score }),
      el("td", { text: verdict }),
    );
  }

  act(async () => {
    const audits = await get("/api/audits");
    rows.replaceChildren(...audits.map(row));
    table.hidden = audits.length === 0;
    none.hidden = audits.length > 0;
    setText(none, session.may("audit") ? "No audits yet. Open a call on the floor, then “Score this call”." : "No audits yet.");
  });
  return { title: "Audits", element: el("section", { "aria-label": "Audits" }, el("div", { class: "tools" }, el("h1", { text: "Audits" }), exports), none, table), close() {} };
}
