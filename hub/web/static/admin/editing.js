/**
 * A row in a form: made, or changed under If-Match, with what somebody else did to it meanwhile (js/saving.js).
 *
 * A field is `item(name, …)`: how its control is made, read, written and said. Only what was changed is sent.
 * Invariant: what is hoped for is taken back before a refusal is said.
 */
import { Form } from "../js/form.js";
import { h } from "../js/dom.js";
import { Saving, item as made } from "../js/saving.js";
import { open } from "./parts.js";
import { MEMBER, W, said } from "./words.js";

/** A field of a row (js/saving.js), called as the panels call that member. */
export const item = (name, input, value, how = {}) => made(name, input, value, { label: MEMBER[name], show: (one) => String(one ?? W.none), ...how });

/** Every field of a form: of `items`, some are side by side (arrays), some within an element ({element, fields}). */
const fieldsOf = (items) => items.flat().flatMap((one) => (one.read ? [one] : one.fields ?? []));

function form(items, options) {
  const made = new Form({ ...options, fields: items.map((one) => (Array.isArray(one) ? h("div", { class: "field-row" }, one.map((each) => each.element ?? each)) : one.element ?? one)) });
  for (const one of fieldsOf(items)) {
    made.fields.push(one);
    one.input.addEventListener("input", () => one.fault(""));
  }
  return made;
}

/** Ask for a new row: `send(values)` makes it. → close() */
export function create(ctx, { title, items, save, send, wide, before = null }) {
  const made = form([before, ...items].filter(Boolean), {
    save,
    cancel: () => close(),
    submit: async (values) => {
      await send(values, made);
      close();
    },
  });
  const close = open(ctx, title, made.element, { wide });
  made.fields[0]?.input.focus();
  return close;
}

/**
 * Change the row at `path`. `items(row)` are its fields; `hope(row | null)` shows it as it is to be until that
 * is settled; `extra(row, control)` are further elements above the form's foot. `onsaved(row)` is told at the
 * end. `told`: some watch of the page shows such rows, so that the write is settled when it has come round.
 */
export async function edit(ctx, { path, title, items, hope = () => {}, extra = () => [], foot = () => [], onsaved = () => {}, told = true, wide = false }) {
  const found = await ctx.api.get(path, {}, { signal: ctx.signal });
  const row = found.body;
  const all = items(row);
  const fields = fieldsOf(all);
  const besides = Object.keys(MEMBER).filter((name) => !fields.some((one) => one.name === name))
    .map((name) => [name, MEMBER[name], (of) => said(name, of[name], undefined, ctx.clock.now())]);
  // What no topic tells of would not come round.
  const saving = new Saving(told ? ctx : { ...ctx, settled() {} }, { path, items: fields, besides, row, found, hope });
  const control = { close: () => close(), version: () => saving.found.etag, row: () => saving.row };
  const save = async () => {
    const saved = await saving.save();
    close();
    if (!saved) return;
    onsaved(saved);
    ctx.toast(W.saved, { kind: "good" });
  };
  saving.form = control.form = form([...all, saving.box], { cancel: () => close(), extra: foot(row, control), submit: save });
  const close = open(ctx, title(row), h("div", {}, extra(row, control), saving.form.element), { wide });
  return close;
}
