/**
 * What outlives a reload: the credential, the last known board, the last orders obeyed.
 *
 * It is this origin's localStorage; where the browser keeps none, it is kept until the reload.
 * Invariants: the credential is in no URL, no log and no element; nothing here grows.
 */
import { browser } from "../js/kept.js";

const ROOT = "hub.kiosk.";

export function recall(name) {
  try {
    return JSON.parse(browser.get(ROOT + name));
  } catch {
    return null;
  }
}

export const keep = (name, value) => void browser.set(ROOT + name, JSON.stringify(value));

/** Revoked: nothing of what this screen was is left on it. */
export function forget() {
  for (const name of ["token", "board", "obeyed"]) browser.drop(ROOT + name);
}
