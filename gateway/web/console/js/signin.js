/** The first page: name and password, or the organisation's own sign-in. */

import { serves } from "./api.js";
import { el, setText } from "./dom.js";
import { signIn } from "./session.js";
import { sound } from "./sound.js";

/** done(session): somebody is in. why: what to say first, such as that the session has run out. */
export function openSignIn(done, why = "") {
  const said = el("p", { class: "refusal", role: "alert", text: why });
  const user = el("input", { name: "user", required: true, autocomplete: "username", spellcheck: "false", autocapitalize: "none" });
  const password = el("input", { name: "password", type: "password", required: true, autocomplete: "current-password" });
  const go = el("button", { class: "primary", text: "Sign in" });

  async function submit(event) {
    event.preventDefault();
    setText(said, "");
    go.disabled = true;
    sound().catch(() => null); // this click is what lets the page sound an alert later
    try {
      done(await signIn(user.value.trim(), password.value));
    } catch (refused) {
      setText(said, refused.message);
      password.select();
    } finally {
      go.disabled = false;
    }
  }

  const elsewhere = serves("/api/session/oidc") ? el("a", { class: "button", href: "/api/session/oidc", text: "Sign in with your organisation" }) : null;
  const element = el("main", { class: "signin" }, el("h1", { text: "Supervision" }), said, el("form", { "aria-label": "Sign in", onsubmit: submit }, el("label", {}, "User", user), el("label", {}, "Password", password), go), elsewhere);
  return { element, focus: () => user.focus() };
}
