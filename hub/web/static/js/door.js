/**
 * The door: signing in. In development a list of the seeded users; else where to go instead.
 */
import { h } from "./dom.js";
import { Session, development, users } from "./session.js";
import { ROLES, SAY, initials } from "./words.js";

const door = document.getElementById("door");
const note = document.getElementById("door-note");
const fault = document.getElementById("door-error");
const list = document.getElementById("door-users");

/** Show the door; resolves with the Session of whoever comes in. */
export async function open(message = "") {
  document.title = "Sign in · Flight schedule";
  fault.textContent = message;
  list.replaceChildren();
  door.hidden = false;
  note.textContent = development
    ? "Development: choose whom to be. Each sees what that person may see."
    : SAY.providerSignIn;
  if (!development) return new Promise(() => {});
  const people = await everyone();
  return new Promise((resolve) => show(people, resolve));
}

/** The users, asked for until the hub answers. */
async function everyone() {
  for (let wait = 500; ; wait = Math.min(wait * 2, 8000)) {
    try {
      const found = await users();
      if (fault.textContent === SAY.noUsers) fault.textContent = "";
      return found;
    } catch {
      fault.textContent = SAY.noUsers;
      await new Promise((resolve) => setTimeout(resolve, wait * (0.5 + Math.random() / 2)));
    }
  }
}

function show(people, resolve) {
  const choose = async (user, button) => {
    fault.textContent = "";
    button.setAttribute("aria-busy", "true");
    try {
      const session = await Session.signIn(user);
      door.hidden = true;
      resolve(session);
    } catch (error) {
      fault.textContent = `${user.name} could not be signed in: ${error.message}.`;
      button.removeAttribute("aria-busy");
    }
  };
  for (const role of ["ADMIN", "INSTRUCTOR", "STUDENT"]) {
    const these = people.filter((user) => user.role === role);
    if (these.length === 0) continue;
    const id = `door-${role}`;
    list.append(
      h("section", { "aria-labelledby": id, class: "door-group" },
        h("h2", { id }, ROLES[role]),
        h("ul", {}, these.map((user) => h("li", {}, userButton(user, choose)))),
      ),
    );
  }
  list.querySelector("button")?.focus({ preventScroll: true });
}

function userButton(user, choose) {
  const button = h(
    "button",
    { type: "button", class: "door-user", "data-email": user.email, onclick: () => choose(user, button) },
    h("span", { class: "face", "data-role": user.role, "aria-hidden": "true" }, initials(user.name)),
    h("span", { class: "door-who" }, h("span", {}, user.name), h("span", { class: "quiet" }, user.email)),
  );
  return button;
}
