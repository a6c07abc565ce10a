/**
 * Changing a flight: when, how long, in what, and whether it flies. For whoever may; the hub judges.
 *
 * What is saved is shown at once, as not yet settled; refused, the flight is as it was and the form, still
 * open, says why at the field. Invariants: only what was typed is sent, so that a time nobody touched keeps its
 * seconds and, in an hour that comes twice, its side; and nothing is overwritten that the form has not shown:
 * what somebody else changed meanwhile is shown first, and mine is saved on top only when that is asked for.
 */
import { dayKey, dayOf } from "./flights.js";
import { Form, dialog, field, select } from "./form.js";
import { h, icon, setText } from "./dom.js";
import { SAY, STATUS, TRAINING, clock, shortDate, tail, zone } from "./words.js";
import { asClock } from "./week.js";

/** Where a flight's status may go (hub/rules/status.py), as far as it is a person's to say. */
const MOVES = {
  CONFIRMED: ["COMPLETED", "CANCELLED"],
  AT_RISK: ["CONFIRMED", "COMPLETED", "CANCELLED"],
  RESCHEDULING: ["CONFIRMED", "CANCELLED"],
};
const TRIES = 3; // where what changed is nothing the form could show

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
  const path = `/bookings/${row.id}`;
  const ask = () => {
    const asked = ctx.api.get(path, {}, { signal: ctx.signal });
    asked.catch(() => {});
    return asked;
  };
  let known = row; // what the form has shown of the flight
  let opened = ask();
  const parts = partsOf(row);
  const fill = (found) => parts.forEach((part) => (part.put(found), (part.first = part.typed())));
  fill(row);
  const mine = () => parts.filter((part) => part.typed() !== part.first);
  const [day, time, minutes, aircraft, status] = parts.flatMap((part) => part.fields);
  const clash = h("div", { class: "clash", role: "group", tabindex: "-1", "aria-label": SAY.clash, hidden: true });
  const form = new Form({
    fields: [h("div", { class: "field-row" }, day.element, time.element), h("div", { class: "field-row" }, minutes.element, aircraft.element), status, clash],
    cancel: () => close(),
    submit: save,
  });
  form.fields.push(day, time, minutes, aircraft);
  for (const one of [time, minutes, aircraft]) one.input.addEventListener("input", () => one.fault(""));
  const close = dialog(SAY.editFlight(row.student_name), form.element);

  async function save() {
    const patch = Object.fromEntries(mine().map(({ name, fields }) => [name, fields.at(-1).read()]));
    if (Object.keys(patch).length === 0) {
      close();
      return;
    }
    for (let tried = 1; ; tried += 1) {
      const found = await opened.catch(() => (opened = ask()));
      if (differs(found)) throw Object.assign(new Error(SAY.changedMeanwhile), { status: 412 });
      hope({ ...found.body, ...patch, pending: true });
      try {
        await ctx.settled(await ctx.api.patch(path, patch, { match: found.etag }));
        break;
      } catch (error) {
        if (error.status !== 412) throw error;
        opened = ask();
        if (tried === TRIES) throw error;
      } finally {
        hope(null);
      }
    }
    close();
    ctx.toast(SAY.saved, { kind: "good" });
  }

  /** Show what is there now, beside what the form has shown; mine stays as typed. → whether there is anything. */
  function differs(found) {
    const { body } = found;
    const touched = new Set(mine());
    const line = (label, show, yours = "") =>
      h("li", {}, h("span", { class: "quiet" }, label), " ", h("s", {}, show(known)), " ", h("span", { role: "img", "aria-label": SAY.became }, "→"), " ", h("b", {}, show(body)), yours && h("span", { class: "clash-mine" }, ` ${yours}`));
    const lines = [
      ...parts.filter((part) => part.of(body) !== part.of(known)).map((part) => line(part.label, part.show, touched.has(part) ? SAY.clashYours(part.said()) : "")),
      ...BESIDES.filter(([name]) => body[name] !== known[name]).map(([, label, show]) => line(label, show)),
    ];
    if (lines.length === 0) return false;
    const take = (keep) => {
      const typed = new Map(parts.map((part) => [part, part.typed()]));
      known = body;
      fill(body);
      for (const part of keep ? touched : []) part.retype(typed.get(part));
      clash.hidden = true;
      setText(form.element.querySelector(".form-fault"), "");
    };
    clash.replaceChildren(
      h("p", {}, h("b", {}, SAY.clash)),
      h("ul", {}, lines),
      h("div", { class: "clash-foot" },
        h("button", { type: "button", class: "button", onclick: () => (take(false), minutes.input.focus()) }, SAY.takeTheirs),
        h("button", { type: "button", class: "button is-first", "data-edit": true, onclick: () => (take(true), form.send()) }, icon("check"), SAY.saveMine)),
    );
    clash.hidden = false;
    clash.focus();
    return true;
  }
}

/**
 * What of a flight the form has: {name, label, fields: its controls, the last of which reads the value}, `put(row)`
 * shows a row's, `typed()` and `retype(text)` are what stands there, `of(row)` is compared, `show(row)` and
 * `said()` say a row's and what is typed.
 */
function partsOf(row) {
  const input = (props) => h("input", { type: "text", autocomplete: "off", ...props });
  const at = (one) => Date.parse(one.scheduled_datetime);
  const day = field("date", SAY.date, h("input", { type: "date", required: true }));
  const time = field("scheduled_datetime", SAY.departs(zone(at(row))), input({ inputmode: "numeric", maxlength: "5" }), { read: (one) => moment(day.input.value, one.value) });
  const minutes = field("duration_minutes", SAY.minutes, input({ type: "number", min: "1", step: "5", inputmode: "numeric" }), { read: (one) => (one.value === "" ? null : Number(one.value)) });
  const aircraft = field("aircraft_id", SAY.aircraft, input({ maxlength: "50" }), { read: (one) => one.value.trim().toUpperCase() || null });
  const status = field("status", SAY.status, select([], row.status));
  const plain = (one, label, show) => ({
    name: one.name,
    label,
    fields: [one],
    put: (found) => (one.input.value = found[one.name] ?? ""),
    typed: () => one.input.value,
    retype: (text) => (one.input.value = text),
    of: (found) => found[one.name],
    show,
    said: () => one.input.value,
  });
  const word = (name) => STATUS[name]?.word ?? name;
  return [
    {
      name: "scheduled_datetime",
      label: time.element.querySelector("label").textContent,
      fields: [day, time],
      put: (found) => ([day.input.value, time.input.value] = [dayKey(at(found)), clock(at(found))]),
      typed: () => `${day.input.value} ${time.input.value}`,
      retype: (text) => ([day.input.value, time.input.value] = text.split(/ (.*)/)),
      of: at,
      show: (found) => `${shortDate(at(found))}, ${clock(at(found))} ${zone(at(found))}`,
      said: () => `${day.input.value} ${time.input.value}`,
    },
    plain(minutes, SAY.minutes, (found) => String(found.duration_minutes)),
    plain(aircraft, SAY.aircraft, tail),
    {
      ...plain(status, SAY.status, (found) => word(found.status)),
      // Where it may go depends on where it is.
      put: (found) => {
        const moves = [found.status, ...(MOVES[found.status] ?? [])];
        status.input.replaceChildren(...moves.map((one) => h("option", { value: one }, word(one))));
        status.input.value = found.status;
      },
      // Where theirs leads no longer to mine, mine is said to the hub all the same: it judges.
      retype: (text) => {
        if (![...status.input.options].some((one) => one.value === text)) status.input.append(h("option", { value: text }, word(text)));
        status.input.value = text;
      },
      said: () => word(status.input.value),
    },
  ];
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
