/** Who is signed in at this page, and what they may do. The session itself is a cookie that no script can read. */

import { get, post, Refused, request, useCsrf } from "./api.js";

export class Session {
  /** told: what the gateway says of the person. */
  constructor({ id, name, roles, teams, actions, csrf }) {
    this.id = id;
    this.name = name || id;
    this.roles = roles;
    this.teams = teams;
    this.actions = new Set(actions);
    useCsrf(csrf);
  }

  /** May they do this at all? On which calls, the gateway decides. */
  may(action) {
    return this.actions.has(action);
  }
}

/** Whoever this browser is still signed in as; null: nobody. Raises Refused. */
export async function resume() {
  try {
    return new Session(await get("/api/session"));
  } catch (refused) {
    if (refused instanceof Refused && refused.status === 401) return null;
    throw refused;
  }
}

/** Raises Refused. */
export async function signIn(user, password) {
  return new Session(await post("/api/session", { user, password }));
}

export async function signOut() {
  await request("DELETE", "/api/session").catch(() => null);
  useCsrf(null);
}
