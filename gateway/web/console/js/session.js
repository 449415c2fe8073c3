/** Who is signed in at this page, and what they may do. */

import { get, post, Refused, request, serves, useCsrf, useToken } from "./api.js";

export class Session {
  /** told: what the gateway said of the person; null where it told only that the token is good. */
  constructor(told) {
    this.id = told?.id ?? "";
    this.name = told?.name || told?.id || "signed in by token";
    this.roles = told?.roles ?? [];
    this.teams = told?.teams ?? [];
    this.actions = told?.actions ? new Set(told.actions) : null;
    useCsrf(told?.csrf);
  }

  /** May they do this at all? What the gateway has not told is tried: it refuses in words. */
  may(action) {
    return this.actions === null || this.actions.has(action);
  }
}

const known = () => serves("/api/session", "get");

/** Whoever this browser is still signed in as; null: nobody. */
export async function resume() {
  if (!known()) return null;
  try {
    return new Session(await get("/api/session"));
  } catch (refused) {
    if (refused instanceof Refused && [401, 403].includes(refused.status)) return null;
    throw refused;
  }
}

/** Raises Refused. */
export async function signIn(user, password) {
  return new Session(await post("/api/session", { user, password }));
}

/** Raises Refused. The token is forgotten with the page. */
export async function signInByToken(token) {
  useToken(token);
  try {
    if (known()) return new Session(await get("/api/session"));
    await get("/api/calls");
    return new Session(null);
  } catch (refused) {
    useToken(null);
    throw refused;
  }
}

export async function signOut() {
  if (serves("/api/session", "delete")) await request("DELETE", "/api/session").catch(() => null);
  useToken(null);
  useCsrf(null);
}
