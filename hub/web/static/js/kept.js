/**
 * What the browser keeps for these pages: words under names, for this tab or for this browser.
 *
 * A browser may be told to keep nothing for a site; then every touch of its storage throws. Invariant: no page
 * hangs on it. What cannot be kept is remembered for this page's life, and whoever needs more is told so by `set`.
 */
function shelf(storage) {
  const held = new Map(); // what was not taken
  const at = (use) => {
    try {
      return use(globalThis[storage]);
    } catch {
      return null;
    }
  };
  return {
    get: (name) => held.get(name) ?? at((kept) => kept.getItem(name)),
    /** → whether it outlives this page. */
    set: (name, text) => (held.set(name, text), at((kept) => (kept.setItem(name, text), held.delete(name)))),
    drop: (name) => (held.delete(name), at((kept) => kept.removeItem(name))),
  };
}

/** This tab's. */
export const tab = shelf("sessionStorage");
/** Shared by all tabs. */
export const browser = shelf("localStorage");
