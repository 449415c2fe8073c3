/** The first page: name and password, or a token. */

import { serves } from "./api.js";
import { el, setText } from "./dom.js";
import { signIn, signInByToken } from "./session.js";
import { sound } from "./sound.js";

/** done(session): somebody is in. why: what to say first, such as that the session has run out. */
export function openSignIn(done, why = "") {
  const byPassword = serves("/api/session", "post");
  const said = el("p", { class: "refusal", role: "alert", text: why });

  function form(title, fields, submit) {
    const inputs = fields.map(([name, label, type, complete]) => [label, el("input", { name, type, required: true, autocomplete: complete, spellcheck: "false", autocapitalize: "none" })]);
    const go = el("button", { class: "primary", text: "Sign in" });
    return el(
      "form",
      {
        "aria-label": title,
        async onsubmit(event) {
          event.preventDefault();
          setText(said, "");
          go.disabled = true;
          sound().catch(() => null); // this click is what lets the page sound an alert later
          try {
            done(await submit(...inputs.map(([, input]) => input.value)));
          } catch (refused) {
            setText(said, refused.message);
            inputs.at(-1)[1].select();
          } finally {
            go.disabled = false;
          }
        },
      },
      inputs.map(([label, input]) => el("label", {}, label, input)),
      go,
    );
  }

  const passwords = byPassword ? form("Sign in", [["user", "User", "text", "username"], ["password", "Password", "password", "current-password"]], signIn) : null;
  const elsewhere = serves("/api/session/oidc") ? el("a", { class: "button", href: "/api/session/oidc", text: "Sign in with your organisation" }) : null;
  const tokens = form("Sign in by token", [["token", "Token", "password", "off"]], signInByToken);
  const element = el("main", { class: "signin" }, el("h1", { text: "Supervision" }), said, passwords, elsewhere, byPassword ? el("details", {}, el("summary", { text: "Use a token" }), tokens) : tokens);
  return { element, focus: () => element.querySelector("input")?.focus() };
}
