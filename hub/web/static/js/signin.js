/**
 * Signing in with the school's identity provider: a provider as `session.js` describes it.
 *
 * The person leaves for the provider's page and comes back to `/` with a code. Invariants: an attempt is this
 * tab's own, remembered until somebody comes back and no longer; nobody is sent away unasked, so that no refusal
 * can become a loop; whatever went wrong is said, above a button that begins anew.
 */
import { h } from "./dom.js";
import { tab } from "./kept.js";
import { CLIENT, DOMAIN, Refusal, attempt, authorization, exchange } from "./signin-oauth.js";
import { Session } from "./signin-session.js";
import { SAY } from "./words.js";
import { DOOR } from "./words/door.js";

const BACK = "hub.signin.back"; // what came back with the person: boot.js took it out of the address
const ATTEMPT = "hub.signin.attempt";

/** What is to be said at the door, of the session that was. */
let parting = "";

export function restore() {
  // Whoever comes back is to see the door until it is settled who that is.
  const session = tab.get(BACK) === null ? Session.kept() : null;
  return session && begun(session);
}

export async function enter(door) {
  if (!DOMAIN || !CLIENT) {
    door.note(SAY.providerSignIn);
    return new Promise(() => {});
  }
  let fault = parting;
  const back = take(BACK);
  if (back !== null) {
    door.note(SAY.signingIn);
    try {
      return begun(await finish(new URLSearchParams(back)));
    } catch (error) {
      fault = words(error);
    }
  }
  door.note(SAY.hostedSignIn);
  door.fault(fault);
  return new Promise((resolve) => show(door, (session) => resolve(begun(session))));
}

function begun(session) {
  parting = "";
  session.over.then(() => (parting = session.parting));
  return session;
}

/** Read, and forget. */
function take(key) {
  const kept = tab.get(key);
  tab.drop(key);
  return kept;
}

/** Something to be said in its own words. */
class Told extends Error {}

function words(error) {
  if (error instanceof Told) return error.message;
  if (!(error instanceof Refusal)) return SAY.signInUnreachable;
  return error.word === "invalid_grant" ? SAY.signInLate : SAY.signInRefused(error.word);
}

/** Whoever came back → Session. */
async function finish(back) {
  const asked = JSON.parse(take(ATTEMPT));
  const error = back.get("error");
  const mine = asked !== null && back.get("state") === asked.state;
  if (mine || (asked && error)) history.replaceState(null, "", location.pathname + asked.hash);
  // Not ours: somebody's link, or this very one used again. Whoever is in already stays so.
  if (!mine && !error) return Session.kept() ?? fail(SAY.signInTwisted);
  // Some errors come without our state; so nothing of them is shown but a word of the protocol's.
  if (error) fail(error === "access_denied" ? SAY.signInDenied : SAY.signInRefused(/^[a-z_]{1,40}$/.test(error) ? error : "error"));
  return Session.begun(await exchange(back.get("code"), asked));
}

function fail(text) {
  throw new Told(text);
}

function show(door, come) {
  const left = new AbortController();
  const go = async () => {
    if (!isSecureContext) return door.fault(SAY.signInPlain);
    const asked = attempt();
    // Whoever comes back could not be told from somebody else.
    if (!tab.set(ATTEMPT, JSON.stringify({ ...asked, hash: location.hash }))) return door.fault(DOOR.keepsNothing);
    button.setAttribute("aria-busy", "true");
    location.assign(await authorization(asked));
  };
  const button = h("button", { type: "button", class: "button is-first door-go", onclick: go }, SAY.signIn);
  // Somebody signed in in another tab, or came back to this page by the browser's own button.
  const look = () => {
    button.removeAttribute("aria-busy");
    const session = Session.kept();
    if (!session) return;
    left.abort();
    come(session);
  };
  addEventListener("storage", look, { signal: left.signal });
  addEventListener("pageshow", look, { signal: left.signal });
  door.list.append(button);
  button.focus({ preventScroll: true });
}
