/**
 * Signing in with the development issuer: choose whom to be. Never served a token in production.
 */
import { h } from "./dom.js";
import { tab } from "./kept.js";
import { SignInNeeded } from "./session.js";
import { ROLES, SAY, initials } from "./words.js";

const KEY = "hub.session";
const EARLY = 30_000; // renew when less than this is left

async function issue(email) {
  const answer = await fetch("/dev/token", {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json" },
    body: JSON.stringify({ email }),
  });
  if (answer.status === 404 || answer.status === 422) throw new SignInNeeded(SAY.signInNeeded);
  if (!answer.ok) throw new Error(SAY.hubAnswered(answer.status));
  const { access_token: token, expires_in: seconds } = await answer.json();
  return { token, expires: Date.now() + seconds * 1000 };
}

class Session {
  constructor(user, { token, expires }) {
    this.user = user;
    this._token = token;
    this._expires = expires;
  }

  async getToken(why) {
    if (why !== "connect" || Date.now() > this._expires - EARLY) {
      const fresh = await issue(this.user.email);
      this._token = fresh.token;
      this._expires = fresh.expires;
      this.keep();
    }
    return this._token;
  }

  signOut() {
    tab.drop(KEY);
  }

  keep() {
    tab.set(KEY, JSON.stringify({ user: this.user, token: this._token, expires: this._expires }));
    return this;
  }
}

/** The session of this tab, if somebody is signed in. */
export function restore() {
  try {
    const kept = JSON.parse(tab.get(KEY));
    return kept?.user ? new Session(kept.user, kept) : null;
  } catch {
    return null;
  }
}

export async function enter(door) {
  door.note(SAY.devSignIn);
  const people = await everyone(door);
  return new Promise((resolve) => show(door, people, resolve));
}

/** The users, asked for until the hub answers. */
async function everyone(door) {
  for (let wait = 500; ; wait = Math.min(wait * 2, 8000)) {
    try {
      const answer = await fetch("/dev/users", { headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error();
      door.fault("");
      return (await answer.json()).items;
    } catch {
      door.fault(SAY.noUsers);
      await new Promise((resolve) => setTimeout(resolve, wait * (0.5 + Math.random() / 2)));
    }
  }
}

function show(door, people, resolve) {
  const choose = async (user, button) => {
    door.fault("");
    button.setAttribute("aria-busy", "true");
    try {
      resolve(new Session(user, await issue(user.email)).keep());
    } catch (error) {
      door.fault(SAY.notSignedIn(user.name, error.message));
      button.removeAttribute("aria-busy");
    }
  };
  for (const role of ["ADMIN", "INSTRUCTOR", "STUDENT"]) {
    const these = people.filter((user) => user.role === role);
    if (these.length === 0) continue;
    const id = `door-${role}`;
    door.list.append(
      h("section", { "aria-labelledby": id, class: "door-group" },
        h("h2", { id }, ROLES[role]),
        h("ul", {}, these.map((user) => h("li", {}, person(user, choose)))),
      ),
    );
  }
  door.list.querySelector("button")?.focus({ preventScroll: true });
}

function person(user, choose) {
  const button = h(
    "button",
    { type: "button", class: "door-user", "data-email": user.email, onclick: () => choose(user, button) },
    h("span", { class: "face", "data-role": user.role, "aria-hidden": "true" }, initials(user.name)),
    h("span", { class: "door-who" }, h("span", {}, user.name), h("span", { class: "quiet" }, user.email)),
  );
  return button;
}
