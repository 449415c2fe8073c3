/** The gateway's public API: HTTP requests and WebSocket addresses, as the person who is signed in. */

import { learnTime } from "./clock.js";

/** What the gateway refused, in its own words. `status` 0: it could not be reached. */
export class Refused extends Error {
  constructor(status, error, hint = "") {
    super(hint ? `${error} (${hint})` : error);
    this.status = status;
    this.error = error;
  }
}

let csrf = null;
let paths = {};

/** What the session wants to see with every request that changes something. */
export function useCsrf(value) {
  csrf = value ?? null;
}

/** Send a request; answers with what the JSON says, null for an empty answer. Raises Refused. */
export async function request(method, path, body) {
  const headers = {};
  if (csrf && method !== "GET") headers["X-CSRF-Token"] = csrf;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body), cache: "no-store" });
  } catch {
    throw new Refused(0, "the gateway does not answer");
  }
  learnTime(response.headers.get("Date"));
  const text = await response.text();
  let told = null;
  try {
    told = text ? JSON.parse(text) : null;
  } catch {
    told = { error: text.slice(0, 200) };
  }
  if (!response.ok) throw new Refused(response.status, told?.error ?? `answer ${response.status}`, told?.hint);
  return told;
}

export const get = (path) => request("GET", path);
export const post = (path, body = {}) => request("POST", path, body);

/** A WebSocket on the same host. */
export function socket(path) {
  const url = new URL(path, location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return new WebSocket(url, ["supervision.v1"]);
}

/** Ask what this gateway serves; needs nobody to be signed in. */
export async function discover() {
  paths = (await get("/api/openapi.json")).paths;
}

/** Does this gateway serve it? A view without its server side is not shown. */
export function serves(path, method = "get") {
  return Boolean(paths[path]?.[method]);
}
