/**
 * Every word the page says, and how it writes times. en-US; the browser's own zone.
 */

/** `short` is for a narrow block of the timeline. */
export const STATUS = {
  CONFIRMED: { word: "Confirmed", short: "Conf.", icon: "confirmed" },
  AT_RISK: { word: "At risk", short: "Risk", icon: "at-risk" },
  RESCHEDULING: { word: "Rescheduling", short: "Resch.", icon: "rescheduling" },
  COMPLETED: { word: "Completed", short: "Done", icon: "completed" },
  CANCELLED: { word: "Cancelled", short: "Canc.", icon: "cancelled" },
};

const MOVED = { word: "Moved", short: "Moved", icon: "cancelled" };

/** What a flight's status is called: one that was given another time is cancelled, and has another reason. */
export const statusOf = (row) =>
  row.status === "CANCELLED" && row.rescheduled_to_datetime ? MOVED : STATUS[row.status];

export const NOTICE = {
  WEATHER_ALERT: { word: "Weather", icon: "weather" },
  OPTIONS_AVAILABLE: { word: "New times", icon: "options" },
  DEADLINE_REMINDER: { word: "Deadline", icon: "clock" },
  CONFIRMATION: { word: "Confirmed", icon: "completed" },
  ESCALATION: { word: "Escalation", icon: "flag" },
};

export const ROLE = { STUDENT: "Student", INSTRUCTOR: "Instructor", ADMIN: "Administrator" };
export const ROLES = { STUDENT: "Students", INSTRUCTOR: "Instructors", ADMIN: "Administrators" };

export const TRAINING = {
  STUDENT_PILOT: "Student pilot",
  PRIVATE_PILOT: "Private pilot",
  INSTRUMENT_RATED: "Instrument rated",
};

/** What the letters of a flight category stand for. */
export const CATEGORY = {
  VFR: "Visual flight rules",
  MVFR: "Marginal visual flight rules",
  IFR: "Instrument flight rules",
  LIFR: "Low instrument flight rules",
};

const LOCALE = "en-US";
const format = (options) => {
  const made = new Intl.DateTimeFormat(LOCALE, { hourCycle: "h23", ...options });
  // A database may hold what is no moment ("infinity"): that is no reason to stop drawing.
  return { format: (at) => (Number.isNaN(Number(at ?? 0)) ? "–" : made.format(at)), formatToParts: (at) => made.formatToParts(at || 0) };
};
const CLOCK = format({ hour: "2-digit", minute: "2-digit" });
const SECONDS = format({ hour: "2-digit", minute: "2-digit", second: "2-digit" });
const ZULU = format({ hour: "2-digit", minute: "2-digit", timeZone: "UTC" });
const WEEKDAY = format({ weekday: "long" });
const DATE = format({ month: "long", day: "numeric" });
const SHORT_DATE = format({ weekday: "short", month: "short", day: "numeric" });
const ZONE = format({ timeZoneName: "short" });

/** "14:05", by the reader's clock or by that of `zone`. */
export const clock = (at, zone) => (zone ? format({ hour: "2-digit", minute: "2-digit", timeZone: zone }) : CLOCK).format(at);
export const clockSeconds = (at) => SECONDS.format(at);
export const zulu = (at) => `${ZULU.format(at)}Z`;
export const weekday = (at) => WEEKDAY.format(at);
export const date = (at) => DATE.format(at);
export const shortDate = (at) => SHORT_DATE.format(at);
export const WEEKDAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

const CALENDAR = format({ month: "short", day: "numeric", timeZone: "UTC" });
/** A date of the calendar (a Date at its midnight in UTC), whatever zone the reader is in: "Nov 23". */
export const calendarDate = (date) => CALENDAR.format(date);
export const zoneOf = (name, at) =>
  format({ timeZone: name, timeZoneName: "short" }).formatToParts(at).find((part) => part.type === "timeZoneName").value;

export const zone = (at) => ZONE.formatToParts(at).find((part) => part.type === "timeZoneName").value;

export const plural = (count, one, many = `${one}s`) => `${count} ${count === 1 ? one : many}`;

/** "1 h 30 min" */
export function duration(minutes) {
  const hours = Math.floor(minutes / 60);
  const rest = minutes % 60;
  if (hours === 0) return `${rest} min`;
  return rest === 0 ? `${hours} h` : `${hours} h ${rest} min`;
}

/** Hours and tenths, as a logbook has them: "10.5 h" */
export const logged = (minutes) => `${(minutes / 60).toFixed(1)} h`;

/** "in 25 min", "in 3 h"; for the next departure. */
export function until(ms) {
  const minutes = Math.max(0, Math.ceil(ms / 60_000));
  if (minutes === 0) return "now";
  return `in ${duration(minutes)}`;
}

/**
 * How much time is left, as [word, kind]: "2 d 4 h", "3 h 05 min", "29 min 10 s"; kind is "calm",
 * "soon" (under 2 h), "last" (under 30 min) or "over".
 */
export function countdown(ms) {
  const seconds = Math.ceil(ms / 1000);
  if (seconds <= 0) return { word: SAY.over, kind: "over" };
  const two = (number) => String(number).padStart(2, "0");
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  if (!(hours < 24)) return { word: Number.isNaN(hours) ? "–" : `${Math.floor(hours / 24)} d ${hours % 24} h`, kind: "calm" };
  if (hours >= 2) return { word: `${hours} h ${two(minutes % 60)} min`, kind: "calm" };
  if (minutes >= 30) return { word: hours ? `1 h ${two(minutes % 60)} min` : `${minutes} min`, kind: "soon" };
  return { word: `${minutes} min ${two(seconds % 60)} s`, kind: "last" };
}

/** "14:05", "Tomorrow, 14:05", "Wed, Nov 25, 14:05". */
export function moment(at, now) {
  if (sameDay(at, now)) return clock(at);
  return `${relativeDay(at, now) || `${shortDate(at)}, `}${clock(at)}`;
}

/** "Today, ", "Tomorrow, " or "". */
export function relativeDay(at, now) {
  const day = (ms, days = 0) => new Date(new Date(ms).setDate(new Date(ms).getDate() + days)).toDateString();
  if (day(at) === day(now)) return "Today, ";
  if (day(at) === day(now, 1)) return "Tomorrow, ";
  if (day(at) === day(now, -1)) return "Yesterday, ";
  return "";
}

/** "just now", "4 min ago", "14:05", "Mon, Nov 23"; for notifications. */
export function ago(at, now) {
  const minutes = Math.floor((now - at) / 60_000);
  if (minutes < 1) return "just now";
  if (minutes < 60) return `${minutes} min ago`;
  if (sameDay(at, now)) return clock(at);
  return `${shortDate(at)}, ${clock(at)}`;
}

export function sameDay(a, b) {
  return new Date(a).toDateString() === new Date(b).toDateString();
}

export const surname = (name) => name.trim().slice(name.trim().lastIndexOf(" ") + 1);

/** As `people`, where there is little room. */
export function peopleShort(row, role) {
  if (role === "STUDENT") return row.instructor_name;
  if (role === "INSTRUCTOR") return row.student_name;
  // Where it takes two lines, each has a name.
  return both(surname(row.student_name), surname(row.instructor_name)).replace(" ·", "\u00a0·");
}

export const initials = (name) =>
  name
    .split(/\s+/)
    .map((part) => [...part][0] ?? "")
    .slice(0, 2)
    .join("")
    .toUpperCase();

/** Who flies, as it concerns the reader: each sees the other, the school sees both. */
export function people(row, role) {
  if (role === "STUDENT") return row.instructor_name;
  if (role === "INSTRUCTOR") return row.student_name;
  return both(row.student_name, row.instructor_name);
}

/** Two names in a line; whatever turns the direction of writing in one is not to turn the other. */
const both = (one, other) => [one, other].map((name) => name.replace(/[\u202A-\u202E\u2066-\u2069]/g, "").trim()).join(" · ");

export const NO_AIRCRAFT = "No aircraft";
export const tail = (row) => row.aircraft_id ?? NO_AIRCRAFT;
export const isLocal = (row) => row.departure_airport === row.arrival_airport;
export const route = (row) =>
  isLocal(row) ? `${row.departure_airport} local` : `${row.departure_airport} → ${row.arrival_airport}`;

/** What happened to a flight, in a few words: [text before the arrow, text after], or one text. */
export function happened(change) {
  const { row, before, changed } = change;
  if (!before) return [`${statusOf(row).word}, now on this day`];
  if (changed.includes("status")) return [statusOf(before).word, statusOf(row).word];
  if (changed.includes("scheduled_datetime")) {
    return [clock(Date.parse(before.scheduled_datetime)), clock(Date.parse(row.scheduled_datetime))];
  }
  if (changed.includes("aircraft_id")) return [tail(before), tail(row)];
  if (changed.includes("instructor_name")) return [before.instructor_name, row.instructor_name];
  if (changed.includes("student_name")) return [before.student_name, row.student_name];
  if (changed.includes("duration_minutes")) {
    return [duration(before.duration_minutes), duration(row.duration_minutes)];
  }
  if (changed.includes("arrival_airport") || changed.includes("departure_airport")) {
    return [route(before), route(row)];
  }
  return ["Details changed"];
}

export const SAY = {
  app: "Flight schedule",
  yes: "Yes",
  no: "Cancel",
  dismiss: "Dismiss",
  close: "Close",
  save: "Save",
  saved: "Saved",
  tryNow: "Try now",
  school: "School",
  tryAgain: "Try again",
  signInAgain: "Sign in again",
  signInNeeded: "Your sign-in has ended. Please sign in again.",
  devSignIn: "Development: choose whom to be. Each sees what that person may see.",
  providerSignIn:
    "Your school signs you in with its own identity provider. Open the hub from your school’s portal to continue.",
  hostedSignIn: "Your school’s sign-in page asks who you are, then brings you back here.",
  signIn: "Sign in",
  signingIn: "Signing you in…",
  signInDenied: "The sign-in page did not let you in.",
  signInTwisted: "That sign-in was not begun on this page, or it was finished before. Please sign in here.",
  signInLate: "That sign-in took too long or was used before. Please sign in once more.",
  signInUnreachable: "The sign-in page’s server could not be reached. Please try again.",
  signInRefused: (word) => `The sign-in page’s server refused (${word}). Please try again; if that does not help, tell your school.`,
  signInPlain: "Signing in needs a secure address: open this page with https.",
  unknownUser: "You are signed in, but this school has no account for you. Ask the school to add you, or sign in as somebody else.",
  hubAnswered: (status) => `the hub answered ${status}.`,
  notSignedIn: (name, why) => `${name} could not be signed in: ${why}`,
  noUsers: "The list of development users could not be read.",
  unreachable: "The hub could not be reached.",
  newRelease: "The hub was upgraded; this page loads anew.",
  pageFailed: "This page could not be loaded.",
  noPage: "There is no such page",
  noPageMore: "It may have been for somebody else, or be gone.",
  toDay: "Go to the schedule",
  offlineEdits: "Nothing can be changed until the hub is reached again.",
  notAllYet: "Some of what belongs here has not come yet.",
  noFlights: "No flights on this day",
  noFlightsMore: "When one is booked it appears here by itself.",
  cannotLoad: "This cannot be shown until the hub is back.",
  gone: "No longer on this day",
  flight: "Flight",
  newTimes: "See the new times",
  refused: "This cannot be shown",
  justChanged: "Just changed",
  showAs: "Show as",
  today: "Today",
  dayBefore: "Day before",
  dayAfter: "Day after",
  pickDay: "Go to a day",
  byAircraft: "Aircraft",
  byInstructor: "Instructor",
  asList: "List",
  byStatus: "Flights by status",
  away: (hours) => `Not available ${hours}`,
  allDay: "all day",
  awayKey: "Not available",
  youAway: "You are not available",
  awayUnknown: "Hours not known",
  youAwayUnknown: "It is not known when you are available",
  knownAt: (at) => `As known at ${at}`,
  over: "Over",
  waiting: "Waiting for your choice",
  pickTime: "Choose a new time",
  flightOf: (when, whom) => (whom ? `${when} with ${whom}` : when),
  details: "Details",
  nextFlight: "Next flight",
  flyingNow: "Flying now",
  backAt: (at) => `until ${at}`,
  noneAhead: "No flights ahead",
  noneAheadMore: "When one is booked for you it appears here by itself.",
  showPast: (days) => `Show the last ${days} days`,
  nonePast: (days) => `No flights in the last ${days} days`,
  editIt: "Change this flight",
  editFlight: (whose) => `Flight of ${whose}`,
  student: "Student",
  instructor: "Instructor",
  training: "Training",
  departs: (zone) => `Departs (${zone})`,
  minutes: "Minutes",
  aircraft: "Aircraft",
  status: "Status",
  member: (name) => ({ student_id: "The student", instructor_id: "The instructor", aircraft_id: "The aircraft" })[name] ?? name,
  loading: "Loading",
  all: "All",
  onlyUnread: "Unread",
  more: "Show more",
  readAll: "Mark all read",
  markRead: "Mark read",
  showFlight: "Show flight",
  notMarked: "Not marked as read.",
  allRead: (count) => (count === 1 ? "1 notification marked read" : `${count} notifications marked read`),
  nothingUnread: "Nothing unread",
  noNotices: "Nothing to read",
  noNoticesMore: "Weather alerts and new times will appear here by themselves.",
  answers: (type) => type === "OPTIONS_AVAILABLE" || type === "DEADLINE_REMINDER",

  calm: "calm",
  gusts: (knots) => `gusts ${knots}`,
  noForecast: "No forecast for this time",
  wind: "Wind",
  visibility: "Visibility",
  ceiling: "Ceiling",
  noCeiling: "none",
  temperature: "Temperature",
  confidence: (percent, word) => `${percent}% confidence (${word})`,
  noConfidence: "Confidence not given",

  rankHelp: "Put the best time first: drag by the handle, use the arrow keys on it, or the buttons. Your first three count.",
  move: "Move, with the arrow keys",
  moveUp: "Move up",
  moveDown: "Move down",
  markAway: "I can’t make it",
  awayMarked: "Can’t make it",
  place: (rank) => ({ [-1]: "Can’t make it", 0: "No rank", 1: "1st choice", 2: "2nd choice", 3: "3rd choice" })[rank],
  send: "Send my choice",
  taken: "Taken",
  replace: "Replace my choice",
  sending: "Sending…",
  sentAt: (when) => `Sent ${when}. You can replace it until the deadline.`,
  sentToast: "Your choice is sent",
  changed: "Changed, not sent yet",
  allAway: "Nothing is left to rank: say that none works.",
  notSent: "Not sent.",
  tooLate: "The deadline has passed: your choice was not taken. The school settles it by hand.",
  elsewhere: "You have answered elsewhere meanwhile. What you said there is shown now.",
  refusedOption: (detail) => `This one ${detail}.`,
  noneWorks: "None works",
  noneTitle: "None of these times works?",
  noneText: "Every time is marked impossible for you, and the school is asked to settle it by hand.",
  noneYes: "None works",
  noneSent: "The school knows that none of these times works for you",
  was: (flight) => `Instead of ${flight}`,
  the: (who) => (who === "student" ? "The student" : "The instructor"),
  answered: (name, done) => `${name} has ${done ? "answered." : "not answered yet."}`,
  timeLeft: (word) => `${word} left`,
  under2h: "Less than 2 hours",
  under30m: "Less than 30 minutes",
  answerBy: (when) => `Answer by ${when}`,
  passed: "The deadline has passed",
  passedMore: "Nothing can be sent any more. What both have said decides; otherwise the school settles it by hand.",
  escalated: "The school settles this by hand",
  escalatedMore: "Somebody will tell you the new time.",
  stillChange: "Until the deadline you can still send a choice.",
  movedTo: (when) => `Moved to ${when}`,
  movedMore: "The new time is in both calendars here.",
  closed: "This flight is no longer being rescheduled",
  closedMore: "Nothing need be chosen.",
  noOptions: "No times are offered yet",
  noOptionsMore: "They will appear here by themselves.",

  fault: (detail) => `This ${detail}.`, needed: "is needed",
  changedMeanwhile: "Somebody changed this meanwhile. Look at it again before you save.",
  thisWeek: "This week",
  pickWeek: "Go to a week",
  weekBefore: "Week before",
  weekAfter: "Week after",
  schoolClock: (zone) => `Times are the school’s clock: ${zone}`,
  canFly: "Can fly",
  addHours: "Add weekly hours",
  editHours: "Weekly hours",
  hoursToo: (hours) => `You can fly ${hours} that day already: the hours add up.`,
  addException: "Add an exception",
  editException: "Exception",
  addOn: (day) => `Add an exception on ${day}`,
  freeOn: (hours) => `can fly ${hours}`,
  notFreeOn: "cannot fly",
  nothingSaid: "No hours",
  wholeDay: "Whole day",
  resting: "resting",
  not: "Not",
  besides: "Also",
  everyWeek: "Every week",
  everyWeekOn: "Every week on",
  onlyThen: "Only on this date",
  edit: "Edit",
  remove: "Delete",
  removed: "Deleted",
  from: "From",
  to: "To",
  midnight: "Midnight is 24:00",
  date: "Date",
  thatDay: "On that date",
  iCannot: "I cannot fly",
  iCanToo: "I can fly, too",
  reason: "Reason (optional)",
  isActive: "In force",

  show: "Show",
  choose: "Choose a time",
  panels: "Panels",
  toAnswer: (count) => (count === 1 ? "1 flight waits for your choice" : `${count} flights wait for your choice`),
  unread: (count) => `${count} unread`,
};

/** The pages, as the menu names them. */
export const PAGE = {
  day: "Day",
  mine: "My flights",
  availability: "Availability",
  notifications: "Notifications",
  admin: "Admin",
};
