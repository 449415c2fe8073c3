/** Elements without markup strings: nothing that comes over the network is ever parsed as HTML. */

/**
 * An element. `attributes`: `class`, `text`, `on*` functions, everything else as an attribute; null, undefined and false are left out.
 * Children may be elements, strings, or null for none.
 */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "text") element.textContent = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** Set text only where it differs: an unchanged cell costs no layout. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function setAttribute(element, name, value) {
  if (value === null || value === undefined || value === false) {
    if (element.hasAttribute(name)) element.removeAttribute(name);
  } else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

export function button(text, onclick, attributes = {}) {
  return el("button", { type: "button", text, onclick, ...attributes });
}

/** Is somebody typing? Then single keys are letters. */
export function typing(target) {
  return target instanceof Element && target.closest("input, textarea, select, [contenteditable]") !== null;
}

/**
 * Bring the children of `parent` in line with `items`. An element stays for as long as what `signature` says of its item is the same,
 * so that no click and no focus is lost to a clock that goes on; `refresh(element, item)` sets what may differ all the same.
 */
export function keep(parent, items, signature, make, refresh = () => {}) {
  const there = new Map([...parent.children].map((child) => [child.dataset.kept, child]));
  const wanted = items.map((item) => {
    const sign = JSON.stringify(signature(item));
    const element = there.get(sign) ?? make(item);
    element.dataset.kept = sign;
    refresh(element, item);
    return element;
  });
  if (wanted.length !== parent.children.length || wanted.some((element, index) => parent.children[index] !== element)) parent.replaceChildren(...wanted);
}
