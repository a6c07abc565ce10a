/**
 * Changing a flight: when, how long, in what, and whether it flies. For whoever may; the hub judges.
 *
 * What is saved is shown at once, as not yet settled; refused, the flight is as it was and the form, still
 * open, says why at the field.
 */
import { dayKey, dayOf } from "./flights.js";
import { Form, dialog, field, select } from "./form.js";
import { h } from "./dom.js";
import { SAY, STATUS, clock, zone } from "./words.js";
import { asClock } from "./week.js";

/** Where a flight's status may go (hub/rules/status.py), as far as it is a person's to say. */
const MOVES = {
  CONFIRMED: ["COMPLETED", "CANCELLED"],
  AT_RISK: ["CONFIRMED", "COMPLETED", "CANCELLED"],
  RESCHEDULING: ["CONFIRMED", "CANCELLED"],
};

/** Open the form for `row`; `hope(row | null)` shows the flight as it is to be, until it is settled. */
export function edit(ctx, row, hope) {
  const at = Date.parse(row.scheduled_datetime);
  const path = `/bookings/${row.id}`;
  const open = () => {
    const asked = ctx.api.get(path, {}, { signal: ctx.signal });
    asked.catch(() => {});
    return asked;
  };
  let opened = open();
  const day = field("date", SAY.date, h("input", { type: "date", value: dayKey(at), required: true }));
  const time = field("scheduled_datetime", SAY.departs(zone(at)), h("input", { type: "text", inputmode: "numeric", autocomplete: "off", maxlength: "5", value: clock(at) }), { read: (input) => moment(day.input.value, input.value) });
  const minutes = field("duration_minutes", SAY.minutes, h("input", { type: "number", min: "1", step: "5", inputmode: "numeric", value: row.duration_minutes }), { read: (input) => (input.value === "" ? null : Number(input.value)) });
  const tail = field("aircraft_id", SAY.aircraft, h("input", { type: "text", autocomplete: "off", maxlength: "50", value: row.aircraft_id ?? "" }), { read: (input) => input.value.trim().toUpperCase() || null });
  const moves = [row.status, ...MOVES[row.status]].map((one) => [one, STATUS[one].word]);
  const status = field("status", SAY.status, select(moves, row.status));
  const form = new Form({
    fields: [h("div", { class: "field-row" }, day.element, time.element), h("div", { class: "field-row" }, minutes.element, tail.element), status],
    cancel: () => close(),
    submit: save,
  });
  form.fields.push(day, time, minutes, tail);
  const close = dialog(SAY.editFlight(row.student_name), form.element);

  async function save({ date: _, ...values }) {
    const patch = Object.fromEntries(Object.entries(values).filter(([name, value]) => value !== row[name]));
    if (patch.scheduled_datetime && Date.parse(patch.scheduled_datetime) === at) delete patch.scheduled_datetime;
    if (Object.keys(patch).length === 0) {
      close();
      return;
    }
    const { etag } = await opened.catch(() => (opened = open()));
    hope({ ...row, ...patch, pending: true });
    try {
      await ctx.settled(await ctx.api.patch(path, patch, { match: etag }));
    } catch (error) {
      if (error.status === 412) opened = open();
      throw error;
    } finally {
      hope(null);
    }
    close();
    ctx.toast(SAY.saved, { kind: "good" });
  }
}

/** What was typed, as a moment (RFC 3339, Z); as it is where it is none, for the hub to say so. */
function moment(date, text) {
  const day = dayOf(date);
  const found = /^([01]\d|2[0-3]):([0-5]\d)$/.exec(asClock(text));
  if (day === null || !found) return `${date}T${text}`;
  const at = new Date(day);
  at.setHours(Number(found[1]), Number(found[2]));
  return at.toISOString().replace(".000Z", "Z");
}
