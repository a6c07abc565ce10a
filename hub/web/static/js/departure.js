/**
 * When a flight departs, as it is typed: a day and a time of day by the reader's clock, which are one moment.
 *
 * Twice a year they are not. An hour that the clocks skip does not exist that day: it is said so, and nothing is
 * sent. Of an hour that comes twice it is shown which one is meant, and the other can be chosen: the flight's own
 * if that is one of the two, else the first. Invariant: no time is moved to one that was not typed.
 */
import { Problem } from "./api.js";
import { h, setText } from "./dom.js";
import { dayKey, dayOf } from "./flights.js";
import { field, select } from "./form.js";
import { item } from "./saving.js";
import { asClock } from "./week.js";
import { SAY, clock, shortDate, zone } from "./words.js";
import { EDIT } from "./words/editing.js";

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

/** The moments (ms) that a clock here shows `text` on `date`: one, none, or two; null where that is no time. */
export function moments(date, text) {
  const typed = asClock(text);
  if (dayOf(date) === null || !/^([01]\d|2[0-3]):[0-5]\d$/.test(typed)) return null;
  const said = Date.parse(`${date}T${typed}Z`);
  const offsets = [-DAY, DAY].map((days) => new Date(said + days).getTimezoneOffset() * MINUTE);
  return [...new Set(offsets)].map((offset) => said + offset).filter((at) => dayKey(at) === date && clock(at) === typed).sort((a, b) => a - b);
}

/**
 * → {day, time, more, controls, at}: `day` and `more` are elements, `time` an item of the row (saving.js), `at()`
 * the moment as it is typed, or null. `value` is the row's (RFC 3339), or undefined: then it is to be on the day
 * of `now`. `show(value)` says one.
 */
export function departure(value, now, show) {
  const day = field("date", SAY.date, h("input", { type: "date", required: true }));
  const which = field("which", EDIT.which, select([]));
  const input = h("input", { type: "text", autocomplete: "off", spellcheck: "false", inputmode: "numeric", maxlength: "5", placeholder: EDIT.clock });
  const found = () => moments(day.input.value, input.value);
  const lacks = () => (found()?.length === 0 ? EDIT.skipped(asClock(input.value), shortDate(dayOf(day.input.value))) : "");
  let own = NaN;
  /** As though it were typed: whoever minds what stands there is told. */
  const typed = () => input.dispatchEvent(new Event("input"));
  const read = () => {
    const is = found();
    // Nothing typed is for the hub to refuse, with all else that is missing.
    if (is === null && input.value.trim() === "") return `${day.input.value}T`;
    if (is === null && dayOf(day.input.value) === null) {
      day.fault(EDIT.noDate);
      day.input.focus();
      throw new Error("");
    }
    if (!is?.length) throw new Problem(422, { errors: [{ pointer: "/scheduled_datetime", detail: is ? lacks() : EDIT.noTime }] });
    const at = is.length === 2 ? Number(which.input.value) : is[0];
    return new Date(at).toISOString().replace(".000Z", "Z");
  };
  const time = item("scheduled_datetime", input, value, {
    label: SAY.departs(zone(value ? Date.parse(value) : now)),
    read,
    write: (control, one) => {
      own = one ? Date.parse(one) : NaN;
      day.input.value = dayKey(one ? own : now);
      control.value = one ? clock(own) : "";
      which.input.replaceChildren();
      typed();
    },
    show,
    of: Date.parse,
  });
  const words = time.element.querySelector("label");

  /** By which clock that is; and where the hour comes twice, which one. */
  function settle() {
    const is = found() ?? [];
    const held = Number(which.input.value);
    which.element.hidden = is.length < 2;
    if (is.length === 2) {
      which.input.replaceChildren(...is.map((at, place) => h("option", { value: at }, EDIT.side(clock(at), zone(at), place))));
      which.input.value = [held, Math.floor(own / MINUTE) * MINUTE].find((at) => is.includes(at)) ?? is[0];
    } else which.input.replaceChildren();
    if (is.length) setText(words, SAY.departs(zone(Number(which.input.value) || is[0])));
  }
  // Said as soon as all digits are there, and for as long: said when the field is left, it would move the button
  // that is pressed.
  const { fault } = time;
  time.fault = (text) => fault(text || (input.value.replace(/\D/g, "").length === 4 ? lacks() : ""));
  for (const one of [day.input, input]) one.addEventListener("input", () => (day.fault(""), time.fault(""), settle()));
  which.input.addEventListener("change", settle);
  settle();
  time.typed = () => [day.input.value, input.value, which.input.value].join("\n");
  time.retype = (text) => {
    let side;
    [day.input.value, input.value, side] = text.split("\n");
    settle();
    which.input.value = side;
    typed();
  };
  time.said = () => `${day.input.value} ${input.value}`;
  return { day: day.element, time, more: which.element, controls: [day.input, input, which.input], at: () => (found()?.length ? Date.parse(read()) : null) };
}
