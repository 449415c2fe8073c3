/** What is around every view: menu, alert strip, on-air bar, and what the gateway has to say. */

import { Refused } from "./api.js";
import { alertStrip } from "./alertstrip.js";
import { button, el, setAttribute, setText } from "./dom.js";
import { EventStream } from "./events.js";
import { House } from "./house.js";
import { OnAir } from "./onair.js";
import { onAirBar } from "./onairbar.js";
import { VIEWS } from "./views.js";

const CONNECTION = { live: "live", connecting: "not connected: what you see is old", refused: "not connected" };
const SAID_MS = 8000;

/** leave(why): sign out. */
export function openShell(session, leave) {
  const house = new House();
  const said = el("div", { class: "said", role: "status" });
  const onair = new OnAir(house, session, say);
  const context = { house, onair, session, go, say, act, attempt };
  const views = VIEWS.filter((view) => view.shown(session));
  const links = new Map(views.filter((view) => view.word).map((view) => [view.name, el("a", { href: `#/${view.name}`, text: view.word })]));
  const connection = el("span", { class: "connection", role: "status" });
  const main = el("main", { id: "view", tabindex: "0" });
  const strip = alertStrip({ ...context, setTitle: (text) => setHead(text) });
  const bar = onAirBar(context);
  let view = null;
  let stream = null;
  let alarm = null;

  const element = el(
    "div",
    { class: "shell" },
    el("a", { class: "skip", href: "#view", text: "To the content", onclick: (event) => { event.preventDefault(); main.focus(); } }),
    el("header", { class: "top" }, el("b", { class: "product", text: "Supervision" }), el("nav", { "aria-label": "Views" }, ...links.values()), connection, el("span", { class: "person", text: session.name }), button("Sign out", () => signOut())),
    strip.element,
    said,
    main,
    bar.element,
  );

  /** Something to be read, for a few seconds. */
  function say(text) {
    const note = el("p", {}, text, button("Close", () => note.remove()));
    said.append(note);
    setTimeout(() => note.remove(), SAID_MS);
  }

  /** Do what a click asks for; a refusal is said in the gateway's words. */
  function act(work) {
    return attempt(Promise.resolve().then(work));
  }

  async function attempt(promise) {
    try {
      return await promise;
    } catch (error) {
      if (error instanceof Refused && error.status === 401) await signOut("You have been signed out. Sign in again.");
      else say(error.message);
      return null;
    }
  }

  function go(hash) {
    location.hash = hash;
  }

  function setHead(text) {
    if (alarm === text) return;
    alarm = text;
    title();
  }

  function title() {
    document.title = alarm ?? `${view?.title ?? "Supervision"} · Supervision`;
  }

  function route() {
    const [, name, id] = location.hash.split("/");
    const found = views.find((one) => one.name === name) ?? views[0];
    view?.close();
    view = found ? found.open(context, id ? decodeURIComponent(id) : undefined) : { title: "Supervision", element: el("p", { class: "empty", text: "Nothing here is for you yet: ask the telephony admin for a role." }), close() {} };
    main.replaceChildren(view.element);
    for (const [word, link] of links) setAttribute(link, "aria-current", found?.name === word ? "page" : null);
    title();
    view.focus?.();
  }

  async function signOut(why = "") {
    await onair.leave().catch(() => null);
    leave(why);
  }

  function unload(event) {
    if (onair.kind === "leg" && onair.mode === "takeover") event.preventDefault();
  }

  const unwatch = house.watch((changed) => {
    if (changed.alerts && links.has("alerts")) setText(links.get("alerts"), house.alerts.size ? `Alerts (${house.alerts.size})` : "Alerts");
    if (changed.data?.user !== session.id) return;
    if (changed.kind === "supervision.refused") say(`Refused: ${changed.data.why}.`);
    if (changed.kind === "supervision.unrecorded") say("You are on the call. That you are cannot be put on record now; it is as soon as it can be.");
  });

  return {
    element,
    start() {
      if (session.may("watch")) {
        stream = new EventStream(
          (message) => {
            if (message.type === "missed") say(`${message.events} events were missed; the view is true again.`);
            house.take(message);
          },
          (state, why, signedOut) => {
            setText(connection, CONNECTION[state]);
            setAttribute(connection, "data-state", state);
            if (signedOut) signOut("You have been signed out. Sign in again.");
            else if (state === "refused") say(why);
          },
        );
      }
      window.addEventListener("hashchange", route);
      window.addEventListener("beforeunload", unload);
      route();
    },
    close() {
      window.removeEventListener("hashchange", route);
      window.removeEventListener("beforeunload", unload);
      stream?.close();
      view?.close();
      strip.close();
      bar.close();
      unwatch();
      document.documentElement.removeAttribute("data-mode");
    },
  };
}
