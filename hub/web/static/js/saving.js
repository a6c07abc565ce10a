/**
 * A row that is changed in a form: what is sent of it, and what somebody else did to it meanwhile.
 *
 * Invariants: only what was touched is sent; nothing is overwritten that the form has not shown: what somebody
 * else changed is shown beside mine, with two ways on, and while they stand there is no other Save. A Save that
 * was pressed is sent, whatever page one is on by then: no read that it waits for goes with the page.
 */
import { h, icon, setText } from "./dom.js";
import { field } from "./form.js";
import { EDIT } from "./words/editing.js";

const TRIES = 3; // where what changed is nothing the form could show

/**
 * A field of a row: `input` its control, `value` what it shows first. `empty` is what nothing typed means;
 * `write(input, value)` and `read(input)` are its way in and out, `show(value)` says a value in words, and
 * `of(value)` is what of it is compared.
 */
export function item(name, input, value, { label, hint = "", empty = "", read, write, show = (one) => String(one ?? ""), of = (one) => one }) {
  const put = write ?? ((control, one) => (control.value = one ?? ""));
  const made = field(name, label, input, { hint, read: read ?? ((control) => control.value.trim() || empty) });
  put(input, value);
  const typed = () => input.value;
  return Object.assign(made, { label, show, of, typed, put: (one) => put(input, one), retype: (text) => (input.value = text), said: () => show(made.read()) });
}

export class Saving {
  /**
   * `items` are the row's fields, `besides` what the form has no field for and still tells: [name, label, show(row)].
   * `row` is what the form shows, `found` its version if that was read ({etag, body}). `hope(row | null)` shows the
   * row as it is to be until that is settled. `box` is to be put into the form, and the form to be named: `form`.
   */
  constructor(ctx, { path, items, besides = [], row, found = null, hope }) {
    Object.assign(this, { path, items, row, found, hope });
    this._ctx = ctx;
    this._besides = besides;
    this._opened = found ? null : this._ask();
    for (const one of items) one.first = one.typed();
    this.box = h("div", { class: "clash", role: "group", tabindex: "-1", "aria-label": EDIT.clash, hidden: true });
  }

  get touched() {
    return this.items.filter((one) => one.typed() !== one.first);
  }

  /** → what the row has become, or null where there was nothing to save. Throws what is to be said in the form. */
  async save() {
    if (!this.box.hidden) {
      this.box.focus();
      throw new Error(EDIT.chooseFirst);
    }
    const patch = Object.fromEntries(this.touched.map((one) => [one.name, one.read()]));
    if (Object.keys(patch).length === 0) return null;
    try {
      return await this._send(patch);
    } catch (error) {
      throw error.status === 404 ? Object.assign(error, { message: EDIT.gone }) : error;
    }
  }

  async _send(patch) {
    let found = this.found ?? (await this._opened.catch(() => this._ask()));
    for (let tried = 1; ; tried += 1) {
      // The box says it, where there is one to be seen.
      if (this._differs(found)) throw new Error(this.box.isConnected ? "" : EDIT.notSaved);
      this.found = found;
      this.hope({ ...found.body, ...patch, pending: true });
      try {
        const answer = await this._ctx.api.patch(this.path, patch, { match: found.etag });
        await this._ctx.settled(answer);
        return answer.body;
      } catch (error) {
        if (error.status !== 412 || tried === TRIES) throw error;
        found = await this._ask();
      } finally {
        this.hope(null);
      }
    }
  }

  _ask() {
    const asked = this._ctx.api.get(this.path);
    asked.catch(() => {});
    return asked;
  }

  /** Show what is there now beside what the form has shown, and mine. → whether there is anything. */
  _differs(found) {
    const { body } = found;
    const theirs = (one) => !same(one.of(body[one.name]), one.of(this.row[one.name]));
    const others = this._besides.filter(([name]) => !same(body[name], this.row[name]));
    if (!others.length && !this.items.some(theirs)) return false;
    const { touched } = this;
    const line = (label, ...said) => h("li", {}, h("span", { class: "quiet" }, label), " ", ...said.flat());
    const became = (from, to) => [h("s", {}, from), " ", h("span", { role: "img", "aria-label": EDIT.became }, "→"), " ", h("b", {}, to)];
    const lines = this.items.filter((one) => theirs(one) || touched.includes(one)).map((one) => {
      const [from, to] = [this.row, body].map((row) => one.show(row[one.name]));
      return line(one.label, theirs(one) ? became(from, to) : to, touched.includes(one) ? h("span", { class: "clash-mine" }, ` ${EDIT.yours(one.said())}`) : "");
    });
    lines.push(...others.map(([, label, show]) => line(label, became(show(this.row), show(body)))));
    this.box.replaceChildren(
      h("p", {}, h("b", {}, EDIT.clash)),
      h("ul", {}, lines),
      touched.length ? h("p", {}, EDIT.clashWays) : "",
      h("div", { class: "clash-foot" },
        h("button", { type: "button", class: "button", onclick: () => (this._take(found), this.items[0].input.focus()) }, EDIT.takeTheirs),
        h("button", { type: "button", class: "button is-first", "data-edit": true, onclick: () => (this._take(found, [...new Set([...touched, ...this.touched])]), this.form.button.focus(), this.form.send()) }, icon("check"), EDIT.saveMine)),
    );
    this._stand(true);
    this.box.focus();
    return true;
  }

  /** Be on the version found from now on; what of mine is kept stays as it is typed by now. */
  _take(found, kept = []) {
    const typed = new Map(kept.map((one) => [one, one.typed()]));
    this.found = found;
    this.row = found.body;
    for (const one of this.items) {
      one.put(found.body[one.name]);
      one.first = one.typed();
      if (typed.has(one)) one.retype(typed.get(one));
    }
    this._stand(false);
    setText(this.form.element.querySelector(".form-fault"), "");
  }

  _stand(stands) {
    this.box.hidden = !stands;
    this.form.button.hidden = stands;
  }
}

const same = (a, b) => JSON.stringify(a ?? null) === JSON.stringify(b ?? null);
