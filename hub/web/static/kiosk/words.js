/**
 * Every word on the wall, and how it writes times: en-US, the school's clock, 24 hours.
 *
 * Invariant: no formatter is made after the page has started; a page that runs for months makes none.
 */

/** The school's zone, as the hub wrote it into the page. */
export const ZONE = document.querySelector('meta[name="hub:zone"]').content;

export const STATUS = {
  CONFIRMED: { word: "Confirmed", icon: "confirmed" },
  AT_RISK: { word: "At risk", icon: "at-risk" },
  RESCHEDULING: { word: "Rescheduling", icon: "rescheduling" },
  COMPLETED: { word: "Completed", icon: "completed" },
  CANCELLED: { word: "Cancelled", icon: "cancelled" },
};

const format = (options) => {
  const made = new Intl.DateTimeFormat("en-US", { hourCycle: "h23", timeZone: ZONE, ...options });
  // A database may hold what is no moment ("infinity"): that is no reason to stop drawing.
  return { format: (at) => (Number.isNaN(at) ? "–" : made.format(at)), formatToParts: (at) => made.formatToParts(at) };
};
const CLOCK = format({ hour: "2-digit", minute: "2-digit" });
const SECONDS = format({ hour: "2-digit", minute: "2-digit", second: "2-digit" });
const ZULU = format({ hour: "2-digit", minute: "2-digit", second: "2-digit", timeZone: "UTC" });
const NAME = format({ timeZoneName: "short" });
const DATE = format({ weekday: "long", month: "long", day: "numeric" });
const WEEKDAY = format({ weekday: "short" });
const DAY = format({ year: "numeric", month: "2-digit", day: "2-digit" });

/** "14:05", by the school's clock */
export const clock = (at) => CLOCK.format(at);
/** "14:05:33" */
export const seconds = (at) => SECONDS.format(at);
/** "22:05:33", in UTC */
export const zulu = (at) => ZULU.format(at);
/** "PST" */
export const zone = (at) => NAME.formatToParts(at).find(({ type }) => type === "timeZoneName").value;
/** "Monday, November 23" */
export const date = (at) => DATE.format(at);
/** Which day it is at the school; equal for equal days. */
export const day = (at) => DAY.format(at);
/** "Mon" */
export const weekday = (at) => WEEKDAY.format(at);
/** The hour of the school's clock, 0 to 23. */
export const hour = (at) => Number(CLOCK.format(at).slice(0, 2));
/** "14:05", or with its weekday where that is another day's: "Mon 14:05" */
export const moment = (at, now) => (day(at) === day(now) || Number.isNaN(at) ? clock(at) : `${weekday(at)} ${clock(at)}`);

/** "now", "in 25 min", "in 3 h 05 min" */
export function until(ms) {
  const minutes = Math.max(0, Math.ceil(ms / 60_000));
  if (minutes === 0) return "now";
  if (minutes < 60) return `in ${minutes} min`;
  const rest = minutes % 60;
  return `in ${Math.floor(minutes / 60)} h${rest ? ` ${String(rest).padStart(2, "0")} min` : ""}`;
}

/** "9:41" */
export function left(ms) {
  const whole = Math.max(0, Math.ceil(ms / 1000));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

export const SAY = {
  title: "Departures",
  columns: {
    time: "Time",
    tail: "Aircraft",
    route: "Route",
    pilot: "Pilot",
    instructor: "Instructor",
    wx: "WX",
    status: "Status",
  },
  zulu: "Zulu",
  next: "Next departure",
  noNext: "No more today",
  local: "local",
  noAircraft: "–",
  weather: "WX",
  weatherMore: "Weather conflict",
  movedTo: "Moved to",
  earlier: (count) => `Earlier today: ${count}`,
  page: (at, of) => `Page ${at} of ${of}`,
  empty: "No departures today",
  emptyMore: "When a flight is booked it appears here by itself.",
  emptyStale: "No flights were known for today",
  first: "Asking the hub for today’s departures",

  live: "Live",
  connecting: "Connecting",
  waiting: "Reconnecting",
  stale: "Not live",
  staleSince: (when) => `Stale since ${when}`,
  staleMore: "Flights may have changed. Ask at the desk.",
  unknown: "Nothing is known yet",
  unknownMore: "The hub cannot be reached. This screen keeps trying.",

  pair: "Pair this screen",
  pairWhere: "On a phone or computer, sign in as an administrator at",
  pairWhat: "and enter this code under Devices:",
  pairLeft: (time) => `A new code appears in ${time}`,
  pairTaken: "Approved. The board is on its way.",
  offline: "The hub cannot be reached",
  offlineMore: "This screen keeps trying by itself.",
  again: (time) => `Next try in ${time}`,
  trying: "Trying now",
  starting: "Starting",
  unnamed: "This screen",
};
