/**
 * Every word the admin's panels say. en-US. What the whole page shares is in js/words.js.
 */
import { ROLE, STATUS, TRAINING, WEEKDAYS, clock, clockSeconds, plural, relativeDay, shortDate } from "../js/words.js";

export const MENU = {
  bookings: "Bookings",
  escalations: "Rescheduling",
  users: "Users",
  devices: "Devices",
  keys: "Keys",
  audit: "Audit trail",
  online: "Who is online",
  explain: "Explain",
};

/** The members of rows, as fields and the trail name them. */
export const MEMBER = {
  student_id: "Student",
  instructor_id: "Instructor",
  aircraft_id: "Aircraft",
  departure_airport: "From",
  arrival_airport: "To",
  departure_latitude: "From, latitude",
  departure_longitude: "From, longitude",
  arrival_latitude: "To, latitude",
  arrival_longitude: "To, longitude",
  scheduled_datetime: "Departs",
  status: "Status",
  training_level: "Training",
  duration_minutes: "Minutes",
  original_booking_id: "Instead of",
  rescheduled_to_datetime: "Moved to",
  cognito_user_id: "Sign-in subject",
  email: "E-mail",
  first_name: "First name",
  last_name: "Last name",
  phone_number: "Phone",
  role: "Role",
  name: "Name",
  airport: "Airport",
  user_code: "Code on the kiosk",
  scopes: "May do",
  revoked_at: "Revoked",
  identify_at: "Asked to flash",
  reload_at: "Asked to reload",
  paired_at: "Paired",
  created_by: "Made by",
  created_at: "Made",
  booking_id: "Flight",
  user_id: "Person",
  option1_id: "1st choice",
  option2_id: "2nd choice",
  option3_id: "3rd choice",
  unavailable_option_ids: "Cannot make",
  none_work: "None works",
  deadline: "Deadline",
  submitted_at: "Answered",
  escalated_at: "Handed to the school",
  reminded_at: "Reminded",
  suggested_datetime: "New time",
  weather_forecast: "Forecast",
  ai_confidence_score: "Confidence",
  day_of_week: "Day",
  start_time: "From",
  end_time: "To",
  is_active: "In force",
  override_date: "Date",
  is_blocked: "Blocked",
  reason: "Reason",
  prefix: "Begins with",
};

export const ENTITY = {
  booking: "Flight",
  user: "User",
  reschedule_option: "New time",
  preference_ranking: "Answer",
  availability_pattern: "Weekly hours",
  availability_override: "Exception",
  api_key: "Key",
  device: "Device",
};

export const ACTION = { create: "made", update: "changed", delete: "deleted", truncate: "all deleted" };

/** What a key may do, in words. */
export const SCOPE = {
  "bookings:read": "Read flights",
  "bookings:write": "Make and change flights",
  "users:read": "Read users",
  "users:write": "Make and change users",
  "weather:write": "Report weather conflicts",
  "options:write": "Offer new times",
  "preferences:read": "Read answers to new times",
  "notifications:write": "Send notifications",
  "availability:read": "Read availability",
  "audit:read": "Read the audit trail",
};

export const TOPIC = {
  bookings: "schedule",
  notifications: "notifications",
  reschedule: "rescheduling",
  board: "board",
  devices: "devices",
};

const MOVE = {
  CONFIRMED: "Confirm",
  AT_RISK: "Mark at risk",
  RESCHEDULING: "Look for a new time",
  COMPLETED: "Mark completed",
  CANCELLED: "Cancel flight",
};

export const W = {
  none: "none",
  any: "Any",
  everyone: "Everyone",
  everyAirport: "Every airport",
  anyLevel: "None",
  refresh: "Read again",
  notRead: "This could not be read",
  notFresh: "It could not be read again.",
  pageFailed: "This panel could not be loaded",
  filters: (count) => (count ? `Filters (${count})` : "Filters"),
  clear: "Show all",
  more: "Show more",
  older: "Show older",
  readAt: (at) => `Read at ${clockSeconds(at)}`,
  by: (name) => `by ${name}`,

  // Bookings
  newFlight: "New flight",
  made: "The flight is booked",
  saved: "Saved",
  flights: (count) => plural(count, "flight"),
  noFlights: "No flights here",
  noFlightsMore: "None fits what is asked for. When one does, it appears here by itself.",
  fromDay: "From day",
  toDay: "To day",
  person: "Person",
  aircraft: "Aircraft",
  status: "Status",
  noAircraft: "Leave empty for none",
  levelHint: "Empty: the student’s own",
  places: "Coordinates",
  placesHint: "Filled in for airports that are known here.",
  choose: "Choose…",
  move: MOVE,
  moved: (status) => `The flight is ${STATUS[status].word.toLowerCase()}`,
  notMoved: "The flight was not changed",
  cancelTitle: "Cancel this flight?",
  cancelText: (who) => `${who} see it at once. A cancelled flight stays cancelled.`,
  cancelYes: "Cancel flight",
  keep: "Keep it",
  moves: "Change its status",
  final: (status) => `${STATUS[status].word}: that is final. Only its details can be put right.`,
  trail: "Audit trail",
  why: "Who sees it?",
  newTimes: "New times",

  // Somebody else was faster
  changedElsewhere: "Somebody else changed it meanwhile. It is shown as it is now; try again.",

  // Rescheduling
  needsYou: "Needs you",
  needsYouMore: "No time was found that suits both, or nobody answered in time.",
  running: "Waiting for answers",
  runningMore: "The hub chooses by itself once both have answered.",
  noneOpen: "Nobody is looking for a new time",
  noneOpenMore: "When a flight needs one, it appears here by itself.",
  openCount: (needs, runs) => `${plural(needs, "flight")} ${needs === 1 ? "needs" : "need"} you, ${runs} waiting for answers`,
  instead: (when) => `Was ${when}`,
  deadlineOver: (when) => `Deadline was ${when}`,
  deadline: (when) => `Deadline ${when}`,
  noDeadline: "No times are offered yet",
  left: (word) => `${word} left`,
  escalatedAt: (when) => `Handed to the school ${when}`,
  answered: "has answered",
  notAnswered: "has not answered",
  noneSuits: "none works",
  ranks: { 1: "1st choice", 2: "2nd choice", 3: "3rd choice" },
  cannot: "can’t make it",
  unranked: "no rank",
  take: "Choose this time",
  takeTitle: "Move the flight to this time?",
  takeText: (when, who, unable) => `${when}. ${unable.length ? `${unable.join(" and ")} can’t make it then. ` : ""}${who.replace(" · ", " and ")} are told at once.`,
  takeYes: "Move it",
  saidAnew: "Somebody has changed their answer since. Look again, then choose.",
  taken: (when) => `Moved to ${when}`,
  past: "This time has passed",
  showOptions: (count) => `Show ${plural(count, "time")}`,
  hideOptions: "Hide",
  noOptions: "No times are offered.",
  keepTime: "Keep the old time",
  keepTitle: "Keep the old time?",
  keepText: "The flight is confirmed as it was, and the offer ends.",
  kept: "The old time holds",

  // Users
  newUser: "New user",
  findUser: "Find by name or e-mail",
  users: (shown, all) => (shown === all ? plural(all, "user") : `${shown} of ${plural(all, "user")}`),
  noUsers: "Nobody found",
  noUsersMore: "No user fits what is asked for.",
  role: "Role",
  userMade: "The user is made",
  subjectHint: "The “sub” of their tokens, as the user pool has it.",
  phoneHint: "Optional",
  deleteUser: "Delete",
  deleteTitle: (name) => `Delete ${name}?`,
  deleteText: (flights, live, more) =>
    `${flights ? `${more ? "More than " : ""}${plural(flights, "flight")} of theirs ${flights === 1 ? "is" : "are"} deleted with them, for whoever flies with them too (${live ? `${live} still to be flown` : "none still to be flown"}). So` : "They have no flights. Deleted with them"} are their availability and notifications.`,
  hasActed: (name) => `${name} has changed something here, and the audit trail keeps that for good: they cannot be deleted. To keep them out, disable them in the user pool.`,
  deleteYes: "Delete",
  deleted: (name) => `${name} is deleted`,
  you: "you",

  // Devices
  pair: "Pair a kiosk",
  pairText: "Type the code that the kiosk shows. It is good for ten minutes.",
  pairYes: "Pair",
  paired: (name) => `${name} is paired`,
  nameHint: "Where it hangs, such as Hangar 2",
  airportHint: "Empty: every airport’s flights",
  devices: (on, all) => `${on} of ${plural(all, "kiosk")} connected`,
  noDevices: "No kiosks yet",
  noDevicesMore: "Open /kiosk on a screen, and pair it here with the code it shows.",
  connected: "Connected",
  behind: (seconds) => `Connected, ${seconds} s behind`,
  notThere: "Not connected",
  unpaired: "Fetches its credential…",
  revoked: "Revoked",
  lastSeen: (when) => `last seen ${when}`,
  neverSeen: "never seen",
  since: (when) => `since ${when}`,
  identify: "Flash",
  identified: (name) => `${name} flashes now`,
  reload: "Reload",
  reloaded: (name) => `${name} loads its page anew`,
  edit: "Edit",
  editDevice: "Kiosk",
  revoke: "Revoke",
  revokeTitle: (name) => `Revoke ${name}?`,
  revokeDevice: "It shows nothing but a pairing code at once, and must be paired anew.",
  revokeKey: "Whatever uses it is refused at once, and its open connections are closed. This cannot be undone.",
  isRevoked: (name) => `${name} is revoked`,
  notDone: "That was not done",
  tooMany: (seconds) => `Too many wrong codes. Try again in ${seconds} s.`,
  former: (count) => `${count} revoked`,

  // Keys
  newKey: "New key",
  keyName: "Whose it is",
  keyNameHint: "Such as Weather monitor",
  keys: (count) => `${plural(count, "key")} in force`,
  noKeys: "No keys yet",
  noKeysMore: "An integration signs in with a key. Make one for each.",
  scopes: "What it may do",
  makeKey: "Make the key",
  secretTitle: "The new key",
  secretText: "This is shown once, now. Nobody can show it again: put it where the integration finds it, and nowhere else.",
  secret: "Key",
  copy: "Copy",
  copied: "Copied",
  notCopied: "It could not be copied; select it and copy it by hand.",
  stored: "I have stored it",
  closing: "It has not been copied yet. Press Escape again to close it all the same.",
  lastUsed: (when) => `last used ${when}`,
  neverUsed: "never used",
  madeOn: (when, who) => `made ${when}${who ? ` by ${who}` : ""}`,
  revokedOn: (when) => `revoked ${when}`,

  // Audit
  entity: "What",
  entityId: "Its id",
  action: "Action",
  actor: "Who",
  system: "The system",
  key: (name) => `${name} (key)`,
  unknown: "Somebody unknown",
  entries: (count, all) => `${plural(count, "entry", "entries")}${all ? "" : " so far"}`,
  noEntries: "Nothing recorded",
  noEntriesMore: "No entry fits what is asked for.",
  onlyThis: "Only this one",
  actions: { create: "Made", update: "Changed", delete: "Deleted", truncate: "All deleted" },
  empty: "empty",
  yes: "yes",
  no: "no",

  // Online
  online: (people, devices, robots) =>
    [plural(people, "person", "people"), plural(devices, "kiosk"), plural(robots, "integration")].join(", "),
  nobody: "Nobody is connected",
  nobodyMore: "On the node that answers, that is.",
  kind: { device: "Kiosk", integration: "Integration" },
  people: "People",
  kiosks: "Kiosks",
  robots: "Integrations",
  watches: (topics) => `watches ${topics}`,
  watchesNothing: "watches nothing",
  transport: { websocket: "WebSocket", sse: "Event stream" },
  live: "up to date",
  slow: (seconds) => `${seconds} s behind`,
  node: (name) => `node ${name}`,
  nodeText: (name) => `As seen by node ${name}, every ten seconds.`,
  nodeTextBare: "As seen by the node that answers, every ten seconds.",
};

/** A moment within a sentence: "14:05", "tomorrow, 14:05", "Wed, Nov 25, 14:05". */
export function when(at, now) {
  const relative = relativeDay(at, now);
  if (relative === "Today, ") return clock(at);
  return `${relative ? relative.toLowerCase() : `${shortDate(at)}, `}${clock(at)}`;
}

/** The same where a sentence begins. */
export const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

const SECONDLESS = /^(\d\d:\d\d):00$/;
const MOMENT = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:[\d.]+)?(Z|[+-]\d\d(:?\d\d)?)$/;

/** A member's value as the trail says it; `names` gives a person's name by id, or undefined. */
export function said(member, value, names, now) {
  if (value === null || value === undefined || value === "" || (Array.isArray(value) && value.length === 0)) return W.empty;
  if (typeof value === "boolean") return value ? W.yes : W.no;
  if (member === "status") return STATUS[value]?.word ?? String(value);
  if (member === "day_of_week") return WEEKDAYS[value] ?? String(value);
  if (member === "role") return ROLE[value] ?? String(value);
  if (member === "training_level") return TRAINING[value] ?? String(value);
  if (member === "ai_confidence_score") return `${Math.round(value * 100)}%`;
  if (Array.isArray(value)) return value.map((one) => said("", one, names, now)).join(", ");
  if (typeof value === "object") return [value.flight_category, value.conditions].filter(Boolean).join(", ") || JSON.stringify(value);
  const text = String(value);
  if (MOMENT.test(text)) return when(Date.parse(text.replace(" ", "T")), now);
  if (SECONDLESS.test(text)) return text.slice(0, 5);
  return names?.(text) ?? (ID.test(text) ? short(text) : text);
}

export const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
/** An id for the eye: its end, which differs most. */
export const short = (id) => `…${id.slice(-6)}`;
