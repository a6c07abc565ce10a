/**
 * A row in a form: made, or changed under If-Match, with what somebody else did to it meanwhile.
 *
 * A field is `item(name, …)`: how its control is made, read, written and said. Only what was changed is sent.
 * Invariants: nobody's change is overwritten unseen: a 412 shows what is different, and mine is saved on top
 * only when asked for; what is hoped for is taken back before a refusal is said.
 */
import { Form, field } from "../js/form.js";
import { h, icon, setText } from "../js/dom.js";
import { change, open } from "./parts.js";
import { MEMBER, W, said } from "./words.js";

/**
 * A field of a row: `input` its control, `value` what it shows first. `empty` is what nothing typed means;
 * `show(value)` says a value in words.
 */
export function item(name, input, value, { label = MEMBER[name], hint = "", empty = "", read, write, show = (one) => String(one ?? W.none) } = {}) {
  const put = write ?? ((control, one) => (control.value = one ?? ""));
  put(input, value);
  const get = read ?? ((control) => control.value.trim() || empty);
  const made = field(name, label, input, { hint, read: get });
  return Object.assign(made, { label, put: (one) => put(input, one), show, first: get(input), typed: () => input.value, retype: (text) => (input.value = text) });
}

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
  let { etag, body: row } = await ctx.api.get(path, {}, { signal: ctx.signal });
  const all = items(row);
  const fields = fieldsOf(all);
  const clash = h("div", { class: "clash", role: "group", tabindex: "-1", "aria-label": W.clash, hidden: true });
  const mine = () => fields.filter((one) => !same(one.read(), one.first));
  const control = { close: () => close(), form: null, version: () => etag, row: () => row };
  const made = form([...all, clash], { cancel: () => close(), extra: foot(row, control), submit: save });
  control.form = made;
  const close = open(ctx, title(row), h("div", {}, extra(row, control), made.element), { wide });

  async function save() {
    const patch = Object.fromEntries(mine().map((one) => [one.name, one.read()]));
    if (Object.keys(patch).length === 0) {
      close();
      return;
    }
    hope({ ...row, ...patch, pending: true });
    let answer;
    try {
      answer = await ctx.api.patch(path, patch, { match: etag });
      // What no topic tells of would not come round.
      if (told) await ctx.settled(answer);
    } catch (error) {
      if (error.status === 412) await differ();
      throw error.status === 404 ? Object.assign(error, { message: W.gone }) : error;
    } finally {
      hope(null);
    }
    close();
    onsaved(answer.body);
    ctx.toast(W.saved, { kind: "good" });
  }

  /** What is there now, beside what the form was opened on; mine stays as typed. */
  async function differ() {
    const fresh = await ctx.api.get(path, {}, { signal: ctx.signal });
    const theirs = fields.filter((one) => !same(fresh.body[one.name], row[one.name]));
    const others = Object.keys(fresh.body).filter((name) => MEMBER[name] && !fields.some((one) => one.name === name) && !same(fresh.body[name], row[name]));
    const touched = new Set(mine());
    const inWords = (name, of) => said(name, of[name], undefined, ctx.clock.now());
    const lines = theirs.map((one) => h("li", {}, h("span", { class: "quiet" }, one.label), " ", change(one.show(row[one.name]), one.show(fresh.body[one.name])),
      touched.has(one) ? h("span", { class: "clash-mine" }, ` ${W.clashYours(one.show(one.read()))}`) : ""));
    lines.push(...others.map((name) => h("li", {}, h("span", { class: "quiet" }, MEMBER[name]), " ", change(inWords(name, row), inWords(name, fresh.body)))));
    const take = (keep) => {
      for (const one of fields) {
        const typed = one.typed();
        one.put(fresh.body[one.name]);
        one.first = one.read();
        if (keep && touched.has(one)) one.retype(typed);
      }
      etag = fresh.etag;
      row = fresh.body;
      clash.hidden = true;
      setText(made.element.querySelector(".form-fault"), "");
    };
    const reapply = h("button", { type: "button", class: "button is-first", "data-edit": true, onclick: () => (take(true), made.send()) }, icon("check"), W.reapply);
    const discard = h("button", { type: "button", class: "button", onclick: () => (take(false), fields[0].input.focus()) }, W.discard);
    clash.replaceChildren(h("p", {}, h("b", {}, W.clash)), h("ul", {}, lines), h("div", { class: "clash-foot" }, discard, reapply));
    clash.hidden = false;
    clash.focus();
  }

  return close;
}

const same = (a, b) => JSON.stringify(a ?? null) === JSON.stringify(b ?? null);
