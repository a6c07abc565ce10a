/**
 * Changing a flight: when, how long, in what, and whether it flies. For whoever may; the hub judges.
 *
 * What is saved is shown at once, as not yet settled; refused, the flight is as it was and the form, still
 * open, says why at the field. Invariant: only what was typed is sent (saving.js), so that a time nobody touched
 * keeps its seconds.
 */
import { caution } from "./caution.js";
import { departure } from "./departure.js";
import { h } from "./dom.js";
import { Form, dialog, select } from "./form.js";
import { Saving, item } from "./saving.js";
import { SAY, STATUS, TRAINING, clock, shortDate, tail, zone } from "./words.js";
import { EDIT } from "./words/editing.js";

const MINUTE = 60_000;

/** Where a flight's status may go (hub/rules/status.py), as far as it is a person's to say. */
const MOVES = {
  CONFIRMED: ["COMPLETED", "CANCELLED"],
  AT_RISK: ["CONFIRMED", "COMPLETED", "CANCELLED"],
  RESCHEDULING: ["CONFIRMED", "CANCELLED"],
};

/** What the form has no field for, and still shows where somebody else changed it. */
const BESIDES = [
  ["student_id", SAY.student, (row) => row.student_name],
  ["instructor_id", SAY.instructor, (row) => row.instructor_name],
  ["departure_airport", SAY.from, (row) => row.departure_airport],
  ["arrival_airport", SAY.to, (row) => row.arrival_airport],
  ["training_level", SAY.training, (row) => TRAINING[row.training_level]],
];

/** Open the form for `row`; `hope(row | null)` shows the flight as it is to be, until it is settled. */
export function edit(ctx, row, hope) {
  const { day, time, more, controls, at } = departure(row.scheduled_datetime, ctx.clock.now(), (value) => `${shortDate(Date.parse(value))}, ${clock(Date.parse(value))} ${zone(Date.parse(value))}`);
  const minutes = item("duration_minutes", h("input", { type: "number", min: "1", step: "5", inputmode: "numeric", autocomplete: "off" }), row.duration_minutes, {
    label: SAY.minutes,
    read: (one) => (one.value === "" ? null : Number(one.value)),
  });
  const aircraft = item("aircraft_id", h("input", { type: "text", autocomplete: "off", maxlength: "50" }), row.aircraft_id, {
    label: SAY.aircraft,
    read: (one) => one.value.trim().toUpperCase() || null,
    show: (value) => tail({ aircraft_id: value }),
  });
  const status = statusOf(row);
  const saving = new Saving(ctx, { path: `/bookings/${row.id}`, items: [time, minutes, aircraft, status], besides: BESIDES, row, hope });
  const mind = caution(ctx, time.input, [...controls, minutes.input], () => {
    const moved = saving.touched.includes(time);
    if (at() === null || !(moved || saving.touched.includes(minutes))) return null;
    return { at: at(), moved, minutes: minutes.read(), ...whose(ctx.me, row, at(), minutes.read()) };
  });
  const form = new Form({
    fields: [h("div", { class: "field-row" }, day, time.element), more, mind, h("div", { class: "field-row" }, minutes.element, aircraft.element), status, saving.box],
    cancel: () => close(),
    submit: async () => {
      const saved = await saving.save();
      close();
      if (saved) ctx.toast(SAY.saved, { kind: "good" });
    },
  });
  saving.form = form;
  form.fields.push(time, minutes, aircraft);
  for (const one of [minutes, aircraft]) one.input.addEventListener("input", () => one.fault(""));
  const close = dialog(SAY.editFlight(row.student_name), form.element);
}

/**
 * Whose hours may be asked for: the two's by an admin, else one's own. The other's are seen in the two's common time,
 * from which the flight itself is taken too, so not where it would still be in its own way.
 */
function whose(me, row, at, minutes) {
  const two = [[row.student_id, row.student_name], [row.instructor_id, row.instructor_name]];
  if (me.role === "ADMIN") return { people: two };
  const was = Date.parse(row.scheduled_datetime);
  const clear = at + minutes * MINUTE <= was || at >= was + row.duration_minutes * MINUTE;
  return { people: [[me.id, EDIT.you]], pair: clear ? { student: row.student_id, instructor: row.instructor_id, name: row.student_name } : null };
}

/** Where its status may go depends on where it is. */
function statusOf(row) {
  const word = (name) => STATUS[name]?.word ?? name;
  const option = (name) => h("option", { value: name }, word(name));
  const made = item("status", select([]), row.status, {
    label: SAY.status,
    write: (input, name) => {
      input.replaceChildren(...[name, ...(MOVES[name] ?? [])].map(option));
      input.value = name;
    },
    show: word,
  });
  // Where theirs leads no longer to mine, mine is said to the hub all the same: it judges.
  made.retype = (name) => {
    if (![...made.input.options].some((one) => one.value === name)) made.input.append(option(name));
    made.input.value = name;
  };
  return made;
}
