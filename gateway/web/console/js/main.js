/** Starts the page: who is here, then the shell. */

import { discover } from "./api.js";
import { el } from "./dom.js";
import { resume, signOut } from "./session.js";
import { openShell } from "./shell.js";
import { openSignIn } from "./signin.js";

let shell = null;

function ask(why) {
  shell?.close();
  shell = null;
  document.title = "Sign in · Supervision";
  const page = openSignIn(enter, why);
  document.body.replaceChildren(page.element);
  page.focus();
}

function enter(session) {
  shell = openShell(session, async (why) => {
    await signOut();
    ask(why);
  });
  document.body.replaceChildren(shell.element);
  shell.start();
}

async function start() {
  try {
    await discover();
    const session = await resume();
    if (session) enter(session);
    else ask();
  } catch (error) {
    document.body.replaceChildren(el("main", { class: "signin" }, el("h1", { text: "Supervision" }), el("p", { role: "alert", text: `${error.message}. It is tried again.` })));
    setTimeout(start, 3000);
  }
}

start();
