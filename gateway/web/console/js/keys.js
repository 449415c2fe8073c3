/** Single keys, for as long as a view is open. They can be switched off (WCAG 2.1.4), and are letters where somebody types. */

import { typing } from "./dom.js";

const KEPT = "single-keys";

export function keysOn() {
  return localStorage.getItem(KEPT) !== "off";
}

export function setKeysOn(on) {
  localStorage.setItem(KEPT, on ? "on" : "off");
}

/** pressed(key): true where it meant something. Returns the function that ends it. */
export function bindKeys(pressed) {
  const listen = (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.repeat || typing(event.target) || !keysOn()) return;
    if (pressed(event.key)) event.preventDefault();
  };
  document.addEventListener("keydown", listen);
  return () => document.removeEventListener("keydown", listen);
}
