/** An advisor's own page: the panic button, a question to a floorwalker, a break. It says who is coming, and beforehand whether anybody is there. */

import { get, post, request } from "./api.js";
import { elapsed } from "./clock.js";
import { button, el, keep, setAttribute, setText } from "./dom.js";

const LOOK_EVERY_MS = 1500;

export function openAdvisor({ act, say }) {
  const panic = el("button", { type: "button", class: "panic", onclick: () => act(raise) }, el("b", { text: "I need help now" }), el("small"));
  const duty = el("p", { class: "duty-told", role: "status" });
  const coming = el("p", { class: "coming", role: "alert" });
  const call = el("p", { class: "faint" });
  const reason = el("input", { name: "reason", maxlength: "500", placeholder: "for example: which pathway?" });
  const asking = el(
    "form",
    { class: "ask", "aria-label": "Ask a floorwalker", onsubmit: (event) => { event.preventDefault(); act(() => ask("help", reason.value)); } },
    el("label", { class: "wide" }, "Ask a floorwalker", reason),
    el("button", { text: "Ask" }),
  );
  const rest = button("Difficult call: I need a break", () => act(() => ask("break", "")));
  const asked = el("ul", { class: "others", "aria-label": "What you have asked" });
  let timer = 0;
  let closed = false;
  let me = null;

  async function raise() {
    panic.disabled = true;
    try {
      await post("/api/alerts", { reason: "panic button" });
    } finally {
      panic.disabled = false;
    }
    await look();
  }

  async function ask(kind, why) {
    await post("/api/help", { kind, reason: why });
    reason.value = "";
    await look();
  }

  async function look() {
    clearTimeout(timer);
    try {
      me = await get("/api/me");
      show();
    } finally {
      if (!closed) timer = setTimeout(() => look().catch(unreachable), LOOK_EVERY_MS);
    }
  }

  function unreachable(error) {
    setAttribute(panic, "data-state", "unknown");
    setText(duty, `This page has lost the gateway (${error.message}). Dial *99 on your phone, or the front desk.`);
  }

  function show() {
    const { alert, on_duty } = me;
    const nobody = on_duty === 0;
    setAttribute(panic, "data-state", alert ? alert.state : nobody ? "nobody" : "ready");
    setText(panic.querySelector("small"), alert ? "press again to ring again" : "a floorwalker comes onto your call; the patient hears nothing of it");
    setText(duty, alert ? "" : nobody ? "No floorwalker is on duty. The button works all the same: the front desk is rung at once." : on_duty === 1 ? "One floorwalker is on duty." : `${on_duty} floorwalkers are on duty.`);
    setText(coming, told(alert));
    setText(call, me.call ? "You are on a call." : "You are not on a call.");
    keep(asked, me.help, (one) => one, line, (element, one) => setText(element.querySelector(".since"), since(one)));
  }

  function line(one) {
    const path = `/api/help/${encodeURIComponent(one.id)}`;
    const withdraw = button("Withdraw", () => act(async () => { await request("DELETE", path); await look(); }));
    return el("li", {}, el("b", { text: one.kind === "break" ? "A break" : "A question" }), one.reason ? `: ${one.reason}` : "", " · ", el("span", { class: "since" }), " ", withdraw);
  }

  look().catch((error) => say(error.message));
  return {
    title: "My page",
    element: el("section", { class: "page advisor", "aria-label": "My page" }, el("h1", { class: "unseen", text: "My page" }), panic, duty, coming, call, asking, rest, asked),
    focus: () => panic.focus(),
    close() {
      closed = true;
      clearTimeout(timer);
    },
  };
}

function since(one) {
  return one.state === "answered" ? `${one.answered_by_name || one.answered_by} has taken it` : `asked ${elapsed(one.asked_at)} ago`;
}

/** Who is coming, in words. */
function told(alert) {
  if (!alert) return "";
  if (alert.state === "acknowledged") return `${alert.acknowledged_by_name || alert.acknowledged_by} is coming.`;
  const whom = alert.on_duty ? "The floorwalkers are being rung" : "The front desk is being rung";
  return `Help is called. ${alert.tier?.number > 1 ? `Now ringing: ${alert.tier.name}` : whom}; waiting ${elapsed(alert.raised_at)}.`;
}
