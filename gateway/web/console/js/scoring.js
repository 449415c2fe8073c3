/** On a call's page: begin to score it against one of the forms. */

import { get, post } from "./api.js";
import { el } from "./dom.js";

export function scoringStart({ act, go, onair }, call) {
  const forms = el("select", { "aria-label": "Form" });
  const element = el("form", { class: "tools", "aria-label": "Score this call", hidden: true, onsubmit: (event) => { event.preventDefault(); act(begin); } }, forms, el("button", { class: "primary", text: "Score this call" }));

  async function begin() {
    const audit = await post("/api/audits", { call, form: forms.value });
    go(`#/audit/${encodeURIComponent(audit.id)}`);
    await onair.listenIn(call);
  }

  act(async () => {
    const known = await get("/api/audit/forms");
    forms.replaceChildren(...known.map((form) => el("option", { value: form.id, text: form.title })));
    element.hidden = known.length === 0;
  });
  return element;
}
