/**
 * What outlives a reload: the credential, the last known board, the last orders obeyed.
 *
 * It is this origin's localStorage; where the browser keeps none, it is kept until the reload.
 * Invariants: the credential is in no URL, no log and no element; nothing here grows.
 */
const ROOT = "hub.kiosk.";
const fallback = new Map();

export function recall(name) {
  try {
    return JSON.parse(localStorage.getItem(ROOT + name)) ?? fallback.get(name) ?? null;
  } catch {
    return fallback.get(name) ?? null;
  }
}

export function keep(name, value) {
  try {
    localStorage.setItem(ROOT + name, JSON.stringify(value));
    fallback.delete(name);
  } catch {
    fallback.set(name, value);
  }
}

/** Revoked: nothing of what this screen was is left on it. */
export function forget() {
  for (const name of ["token", "board", "obeyed"]) {
    fallback.delete(name);
    try {
      localStorage.removeItem(ROOT + name);
    } catch {
      // There is none.
    }
  }
}
