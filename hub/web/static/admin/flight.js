/**
 * A flight in a form: its fields, what is known of airports, and where its status may go.
 */
import { h } from "../js/dom.js";
import { caution } from "../js/caution.js";
import { departure } from "../js/departure.js";
import { select } from "../js/form.js";
import { TRAINING, zone } from "../js/words.js";
import { item } from "./editing.js";
import { fullName } from "./roster.js";
import { W, when } from "./words.js";

/** Where a flight's status may go (hub/rules/status.py); the likeliest first, the last word last. */
export const MOVES = {
  CONFIRMED: ["COMPLETED", "AT_RISK", "RESCHEDULING", "CANCELLED"],
  AT_RISK: ["CONFIRMED", "COMPLETED", "RESCHEDULING", "CANCELLED"],
  RESCHEDULING: ["CONFIRMED", "CANCELLED"],
  CANCELLED: [],
  COMPLETED: [],
};

/** Where airports lie and which aircraft there are, as far as flights have shown it. */
export class Known {
  constructor() {
    this.airports = new Map();
    this.aircraft = new Set();
  }

  learn(rows) {
    for (const row of rows) {
      this.airports.set(row.departure_airport, [row.departure_latitude, row.departure_longitude]);
      this.airports.set(row.arrival_airport, [row.arrival_latitude, row.arrival_longitude]);
      if (row.aircraft_id) this.aircraft.add(row.aircraft_id);
    }
  }
}

const text = (props = {}) => h("input", { type: "text", autocomplete: "off", spellcheck: "false", ...props });
const upper = (input) => input.value.trim().toUpperCase();
let lists = 0;

function choices(words) {
  const id = `choices-${(lists += 1)}`;
  return h("datalist", { id }, [...words].sort().map((value) => h("option", { value })));
}

/** People of one role to choose from; whoever is booked stays in the list whatever they are now. */
function person(name, role, roster, row) {
  const options = roster.of(role).map((one) => [one.id, fullName(one)]);
  const held = row[name];
  if (held && !options.some(([id]) => id === held)) options.unshift([held, roster.name(held) ?? row[name.replace("_id", "_name")] ?? held]);
  const shown = new Map(options);
  return item(name, select([["", W.choose], ...options], held ?? ""), held ?? "", { show: (id) => shown.get(id) ?? roster.name(id) ?? W.none });
}

const number = (name, value) =>
  item(name, h("input", { type: "number", step: "any", inputmode: "decimal" }), value, { read: (input) => (input.value === "" ? null : Number(input.value)) });

/** The fields of a flight; `row` may be {} for a new one. */
export function flightItems(row, { ctx, roster, known, isNew }) {
  const now = ctx.clock.now();
  const { day, time, more, controls, at } = departure(row.scheduled_datetime, now, (value) => (Number.isNaN(Date.parse(value)) ? W.none : `${when(Date.parse(value), now)} ${zone(Date.parse(value))}`));
  const airports = choices(known.airports.keys());
  const tails = choices(known.aircraft);
  const levels = Object.entries(TRAINING);
  const level = item("training_level", select(isNew ? [["", W.levelHint], ...levels] : levels, row.training_level ?? ""), row.training_level ?? "", {
    empty: null,
    show: (value) => TRAINING[value] ?? W.none,
  });
  const aircraft = item("aircraft_id", text({ list: tails.id, maxlength: "50" }), row.aircraft_id, { hint: W.noAircraft, read: (input) => upper(input) || null });
  const minutes = item("duration_minutes", h("input", { type: "number", min: "1", max: "1440", step: "1", inputmode: "numeric" }), row.duration_minutes ?? 60, {
    read: (input) => (input.value === "" ? null : Number(input.value)),
  });
  const places = h("details", { class: "places" }, h("summary", {}, W.places));
  const ends = ["departure", "arrival"].map((end) => {
    const code = item(`${end}_airport`, text({ list: airports.id, maxlength: "10" }), row[`${end}_airport`], { read: upper });
    const lat = number(`${end}_latitude`, row[`${end}_latitude`]);
    const lon = number(`${end}_longitude`, row[`${end}_longitude`]);
    code.input.addEventListener("input", () => {
      const found = known.airports.get(upper(code.input));
      if (found) [lat, lon].forEach((one, at) => one.put(found[at]));
      else if (upper(code.input).length >= 3) places.open = true;
    });
    for (const one of [lat, lon]) {
      const { fault } = one;
      one.fault = (words) => {
        if (words) places.open = true;
        fault(words);
      };
    }
    return { code, lat, lon };
  });
  places.append(h("p", { class: "hint quiet" }, W.placesHint), ...ends.map(({ lat, lon }) => h("div", { class: "field-row" }, lat.element, lon.element)));
  const [from, to] = ends;
  const two = [person("student_id", "STUDENT", roster, row), person("instructor_id", "INSTRUCTOR", roster, row)];
  const people = () => two.map(({ input }) => [input.value, input.selectedOptions[0]?.textContent]).filter(([id]) => id);
  const chosen = [...two, minutes].map((one) => one.input);
  const mind = caution(ctx, time.input, [...controls, ...chosen], () => {
    const [moved, ...others] = [time, ...two, minutes].map((one) => isNew || one.typed() !== one.first);
    return at() !== null && (moved || others.includes(true)) ? { at: at(), moved, minutes: minutes.read(), people: people() } : null;
  });
  return [
    two,
    [{ element: day }, time],
    { element: more },
    { element: mind },
    [minutes, aircraft],
    [from.code, to.code],
    level,
    { element: places, fields: [from.lat, from.lon, to.lat, to.lon] },
    { element: airports },
    { element: tails },
  ];
}
