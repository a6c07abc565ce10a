/**
 * Who is signed in, whatever signs people in: a seam with one provider behind it.
 *
 * A provider is a module with `restore()` → Session or null, and `enter(door)` → Promise<Session>: it
 * fills the door ({note(text), fault(text), list: Element}) and resolves when somebody is in. A Session
 * has `user` ({name, role, email}, or null where only the hub knows), `getToken(why)` with why
 * "connect", "expiring" or "refused" (throws `SignInNeeded` when only the person can help), `signOut()`, and
 * perhaps `over`: a promise kept when it has ended by other hands than signOut's.
 *
 * Invariant: a token lives in this origin's storage, in headers, frames and the bodies of what is posted to
 * its issuer; never in a URL, a log or the DOM.
 */
import { tab } from "./kept.js";

const WHO = "hub.who";

export { SignInNeeded } from "../client/hub.js";

const development = document.querySelector('meta[name="hub:sign-in"]')?.content === "development";

/** The provider's module; only the one that is used is fetched. */
export const provider = () => (development ? import("./dev.js") : import("./signin.js"));

/** Who the hub said it was, so that the next page need not wait for it: {id, role, name} or null. */
export function remembered() {
  try {
    return JSON.parse(tab.get(WHO));
  } catch {
    return null;
  }
}

export const remember = (who) => void tab.set(WHO, JSON.stringify(who));
export const forget = () => tab.drop(WHO);
