/**
 * The form of weekly hours ("pattern") and of an exception on one date ("override"), in a dialog.
 */
import { Form, dialog, field, select } from "./form.js";
import { h, icon, setText } from "./dom.js";
import { SAY, WEEKDAYS } from "./words.js";
import { asClock } from "./week.js";

const clockInput = (value) =>
  h("input", { type: "text", inputmode: "numeric", autocomplete: "off", maxlength: "5", placeholder: "HH:MM", value: value ?? "" });

/**
 * Open it on `row`; `save(values, close)` and `remove(close)` throw what is to be said in the form. `week()` gives
 * all weekly hours: over some of them new ones may be meant, but are better not made unawares.
 */
export function hoursForm(kind, row, { save, remove, week }) {
  const weekly = kind === "pattern";
  const whole = weekly ? null : field("whole", SAY.wholeDay, h("input", { type: "checkbox", checked: !row.start_time }));
  const read = (input) => (whole?.input.checked ? null : asClock(input.value));
  const start = field("start_time", SAY.from, clockInput(row.start_time ?? (row.id ? "" : "09:00")), { read });
  const end = field("end_time", SAY.to, clockInput(row.end_time ?? (row.id ? "" : "17:00")), { read, hint: SAY.midnight });
  const times = h("div", { class: "field-row" }, start.element, end.element);
  const over = h("p", { class: "caution", role: "status" });
  const form = new Form({
    fields: weekly ? weeklyFields(row, times, over) : datedFields(row, whole, times),
    extra: row.id
      ? [h("button", { type: "button", class: "button is-remove", "data-edit": true, onclick: () => form.send(() => remove(close)) }, icon("trash"), SAY.remove)]
      : [],
    cancel: () => close(),
    submit: (values) => save(values, close),
  });
  form.fields.push(start, end);
  const mind = () => {
    const { day_of_week: day, start_time: from, end_time: to, is_active: holds } = form.values;
    const met = week().filter((one) => holds && one.is_active && one.id !== row.id && one.day_of_week === day && one.start_time < to && from < one.end_time);
    setText(over, met.length ? SAY.hoursToo(met.map((one) => `${one.start_time}–${one.end_time}`).join(", ")) : "");
  };
  if (weekly) {
    form.element.addEventListener("input", mind);
    mind();
  }
  for (const one of [start, end]) one.input.addEventListener("input", () => one.fault(""));
  const title = row.id ? (weekly ? SAY.editHours : SAY.editException) : weekly ? SAY.addHours : SAY.addException;
  const close = dialog(title, form.element);
  form.fields[0].input.focus();
}

function weeklyFields(row, times, over) {
  const days = select(WEEKDAYS.map((word, day) => [day, word]), row.day_of_week);
  return [
    field("day_of_week", SAY.everyWeekOn, days, { read: (input) => Number(input.value) }),
    times,
    over,
    field("is_active", SAY.isActive, h("input", { type: "checkbox", checked: row.is_active !== false })),
  ];
}

function datedFields(row, whole, times) {
  const show = () => (times.hidden = whole.input.checked);
  whole.input.addEventListener("change", show);
  show();
  const kinds = select([["true", SAY.iCannot], ["false", SAY.iCanToo]], row.is_blocked);
  const reason = h("input", { type: "text", maxlength: "255", autocomplete: "off", value: row.reason ?? "" });
  return [
    field("override_date", SAY.date, h("input", { type: "date", value: row.override_date, required: true })),
    field("is_blocked", SAY.thatDay, kinds, { read: (input) => input.value === "true" }),
    whole.element,
    times,
    field("reason", SAY.reason, reason, { read: (input) => input.value.trim() || null }),
  ];
}
