/**
 * Small hands for the DOM. Text only ever becomes text nodes: nothing here parses HTML.
 */

const SVG = "http://www.w3.org/2000/svg";

/** An element: `h("p", {class: "x", onclick: fn}, "text", child)`. Null children are skipped. */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else setAttribute(element, name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** Set, or remove when null or false; touches nothing that is as it should be. */
export function setAttribute(element, name, value) {
  if (value === null || value === undefined || value === false) element.removeAttribute(name);
  else {
    const text = value === true ? "" : String(value);
    if (element.getAttribute(name) !== text) element.setAttribute(name, text);
  }
}

export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Put a value into a control, unless it is there: written again, what is half typed in it would be lost. */
export function setValue(input, value) {
  if (input.value !== value) input.value = value;
}

/** A symbol of the page's sprite, for the eye only. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

export function setIcon(svg, name) {
  setAttribute(svg.firstElementChild, "href", `#i-${name}`);
}

/**
 * Make `parent`'s children those of `items`, in order, keeping every element whose key stays, so
 * that focus, scrolling and running animations survive: what has the focus is not moved, the others move
 * around it. What goes, goes with a fade (`leaving`); if it had the focus, the heading has it then, and not
 * its neighbour, whom the next key was not meant for.
 */
export function keyed(parent, items, keyOf, create, update) {
  const held = (parent.keyedElements ??= new Map());
  const wanted = new Set(items.map(keyOf));
  let focused = false;
  for (const [key, element] of held) {
    if (wanted.has(key)) continue;
    held.delete(key);
    focused ||= element.contains(document.activeElement);
    leave(element);
  }
  let at = firstStaying(parent.firstElementChild);
  for (const item of items) {
    const key = keyOf(item);
    let element = held.get(key);
    if (!element) {
      element = create(item);
      held.set(key, element);
    }
    if (element === at) at = firstStaying(at.nextElementSibling);
    else if (element.parentNode === parent && element.contains(document.activeElement)) {
      // They come to their own places with their own turn, or stay behind it.
      while (at && at !== element) {
        const after = at.nextElementSibling;
        parent.append(at);
        at = after;
      }
      at = firstStaying(element.nextElementSibling);
    } else parent.insertBefore(element, at);
    update(element, item);
  }
  if (focused) refocus(parent.closest("dialog, main")?.querySelector("h1, h2"));
}

/** Empty an element and forget what it held by key. */
export function clear(element) {
  element.replaceChildren();
  element.keyedElements = undefined;
}

function firstStaying(element) {
  while (element?.classList.contains("leaving")) element = element.nextElementSibling;
  return element;
}

function leave(element) {
  if (element.dataset.fades === undefined || document.hidden) {
    element.remove();
    return;
  }
  element.classList.add("leaving");
  element.inert = true;
  element.addEventListener("animationend", () => element.remove(), { once: true });
  setTimeout(() => element.remove(), 1000);
}

/** Let the eye find what changed: plays once, from the start each time. */
export function flash(element, kind) {
  element.classList.remove("is-new", "is-changed");
  void element.offsetWidth;
  element.classList.add(kind);
  clearTimeout(element.flashing);
  element.flashing = setTimeout(() => element.classList.remove("is-new", "is-changed"), 6000);
}

/** What had the focus is gone, or about to be: `heading`, if there is one, has it then, as when the page was opened. */
export function refocus(heading) {
  const { activeElement: one, body } = document;
  if (!heading || (one && one !== body && !one.closest(".leaving") && one.checkVisibility?.() !== false)) return;
  heading.tabIndex = -1;
  heading.focus({ preventScroll: true });
}

const PAUSE = 1500; // ms without a key, after which a typed date is meant

/**
 * `run()` whenever another value is chosen. A browser tells of a date at each key, and most of those are days
 * nobody means (the year 0002): typed, one counts when the field is left, at Enter, or after a pause. A page
 * that goes (`signal`) takes the field from whoever is at it: that chooses nothing.
 */
export function onchosen(input, run, signal) {
  let typing = false;
  let open = false; // something was told that has not counted yet
  let timer;
  const count = () => {
    clearTimeout(timer);
    if (open && !signal.aborted) run();
    open = false;
  };
  input.addEventListener("keydown", ({ key }) => (key === "Enter" ? count() : (typing = input.type === "date")));
  input.addEventListener("pointerdown", () => (typing = false));
  input.addEventListener("blur", () => {
    typing = false;
    count();
  });
  input.addEventListener("change", () => {
    open = true;
    clearTimeout(timer);
    if (!typing) count();
    else if (input.value >= "1900") timer = setTimeout(count, PAUSE);
  });
}
