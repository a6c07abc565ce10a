/**
 * The door: what stands there while nobody is signed in. Who may come in is the provider's business.
 */
import { provider } from "./session.js";
import { SAY } from "./words.js";

const door = document.getElementById("door");
const note = document.getElementById("door-note");
const fault = document.getElementById("door-error");
const list = document.getElementById("door-users");

/** The session of whoever is, or comes, in. */
export async function enter() {
  const { restore, enter: come } = await provider();
  const kept = await restore();
  if (kept) return kept;
  document.title = `${SAY.signIn} · ${SAY.app}`;
  fault.textContent = "";
  list.replaceChildren();
  door.hidden = false;
  const session = await come({
    note: (text) => (note.textContent = text),
    fault: (text) => (fault.textContent = text),
    list,
  });
  door.hidden = true;
  return session;
}
