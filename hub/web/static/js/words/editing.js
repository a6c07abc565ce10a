/**
 * What is said where a row is changed in a form: that somebody else was faster, and what to mind of a departure.
 * en-US.
 */
export const EDIT = {
  clash: "Somebody changed this while you were at it",
  clashWays: "Nothing of yours is saved yet. Saved on top, yours replaces only what is marked as yours.",
  yours: (value) => `yours: ${value}`,
  saveMine: "Save mine on top",
  takeTheirs: "Take theirs",
  became: "to",
  chooseFirst: "First choose: take theirs, or save yours on top.",
  notSaved: "Not saved: somebody changed this meanwhile.",
  clock: "HH:MM",
  which: "This hour comes twice that day",
  side: (clock, zone, place) => `${clock} ${zone}, the ${place ? "later" : "earlier"}`,
  skipped: (clock, day) => `The clocks skip this hour: there is no ${clock} on ${day}.`,
  past: "This is in the past.",
  you: "You",
  away: (names) => `${absent(names)}.`,
  taken: (name) => `${absent([name])}, or ${name === EDIT.you ? "have" : "has"} another flight.`,
  noTime: "This is no time of day. Write it as in 14:05.",
  noDate: "This is no date.",
  gone: "It is gone: somebody deleted it meanwhile.",
};

const absent = (names) => `${names.join(" and ")} ${names.length > 1 || names[0] === EDIT.you ? "are" : "is"} not available then`;
