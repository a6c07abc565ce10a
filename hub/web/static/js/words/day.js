/**
 * What is said of a day and its flights: the list, the timeline, the card of one flight, the line of what comes
 * next, and what of it is new. en-US.
 */
import { plural } from "../words.js";

export const DAY = {
  night: "Night",
  morning: "Morning",
  afternoon: "Afternoon",
  evening: "Evening",
  now: "Now",
  loading: "Loading the day",
  yesterday: (date) => `${date}, yesterday`,
  tomorrow: (date) => `${date}, tomorrow`,
  flights: (count) => plural(count, "flight"),
  noFlights: "no flights",
  local: "local",
  next: (at, tail, until) => `Next departure ${at}, ${tail}, ${until}`,
  outNow: (count) => `${plural(count, "flight")} out now. `,
  newNotices: (count) => plural(count, "new notification"),
  others: (count) => `${count} more`,
  movedTo: (when) => `Moved to ${when}.`,
  successor: "Takes the place of an earlier flight.",
  both: (names) => names.join(" and "),
};

/** The facts on a flight's card, in their order. */
export const FACT = {
  aircraft: "Aircraft",
  student: "Student",
  instructor: "Instructor",
  duration: "Duration",
  training: "Training",
  changed: "Last change",
};
