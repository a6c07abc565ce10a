/**
 * What the page says of its connection. en-US.
 */
import { plural } from "../words.js";

export const LINK = {
  live: "Live",
  liveAgain: "Live again",
  old: "Not up to date",
  catchingUp: "Catching up",
  connecting: "Connecting",
  reconnecting: "Reconnecting",
  reconnectingSoon: (soon) => ["reconnecting", soon].filter(Boolean).join(" "),
  soon: (seconds) => `in ${seconds} s`,
  offline: "Offline",
  disconnected: "Disconnected",
  staleSince: (at) => `Stale since ${at}`,
  blind: "The hub answers, but cannot see the schedule’s changes just now.",
  deviceOffline: "This device is offline.",
  unreachable: "The hub cannot be reached.",
  said: (reason) => `The hub said: ${reason}.`,
  ended: (code) => `The hub ended the connection (${code}).`,
  known: (at) => `You see what was known at ${at}.`,
  nextTry: (seconds) => `Next try in ${plural(seconds, "second")}.`,
  trying: "Trying now.",
  signedOut: "You signed out in another tab.",
};

/** Why it was ended for good, by the hub's code. */
export const STOPPED = {
  4001: "Your sign-in was not accepted.",
  4003: "You no longer have access.",
  4009: "You have too many pages open. Close one, then try again.",
};
