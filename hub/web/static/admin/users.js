/**
 * Everybody who can sign in: found by name, role or address; made, changed, deleted.
 *
 * No topic tells of users: they are read again after each write, when the page is looked at, and now and then.
 */
import { h, keyed, setAttribute, setText } from "../js/dom.js";
import { field, select } from "../js/form.js";
import { ROLE, TRAINING, initials } from "../js/words.js";
import { create, edit, item } from "./editing.js";
import { Reading, act, button, drawing, head, standIn } from "./parts.js";
import { Roster, fullName } from "./roster.js";
import { MENU, W } from "./words.js";

const EVERY = 30_000; // ms
const MOST = 500; // flights that are counted
const LIVE = new Set(["CONFIRMED", "AT_RISK", "RESCHEDULING"]);

export function mount(root, ctx) {
  return new Users(root, ctx);
}

class Users {
  constructor(root, ctx) {
    this.ctx = ctx;
    this.hoped = new Map();
    this.draw = drawing(() => this.render(), ctx.signal);
    this.roster = new Roster(ctx);
    this.head = head(MENU.users, button(W.newUser, "plus", () => this.make(), { first: true }));
    this.find = field("find", W.findUser, h("input", { type: "search", autocomplete: "off" }));
    this.role = field("role", W.role, select([["", W.everyone], ...Object.entries(ROLE)]));
    for (const one of [this.find, this.role]) one.input.addEventListener("input", () => this.draw());
    this.place = h("div");
    this.list = h("ul", { class: "cards" });
    root.append(this.head.element, h("div", { class: "filter-row" }, this.find.element, this.role.element), this.place, this.list);
    ctx.title(MENU.users);
    this.read = new Reading(ctx, () => this.roster.read(), this.draw, { every: EVERY });
  }

  render() {
    const { roster, read } = this;
    const wanted = this.find.input.value.trim().toLowerCase();
    const role = this.role.input.value;
    const all = roster.rows.map((row) => this.hoped.get(row.id) ?? row);
    const rows = all.filter((row) => (!role || row.role === role) && `${fullName(row)} ${row.email}`.toLowerCase().includes(wanted));
    standIn(this.place, { error: read.error, loaded: roster.loaded, count: rows.length, none: ["people", W.noUsers, W.noUsersMore], again: () => read.again() });
    setText(this.head.sum, roster.loaded ? W.users(rows.length, all.length) : "");
    keyed(this.list, rows, (row) => row.id, () => this._card(), (card, row) => this._update(card, row));
  }

  _card() {
    const parts = { face: h("span", { class: "face", "aria-hidden": "true" }), name: h("b"), role: h("span", { class: "quiet" }), mail: h("span", { class: "quiet" }) };
    const open = h("button", { type: "button", class: "card-row" }, parts.face, h("span", { class: "card-words" }, parts.name, parts.role), parts.mail);
    const card = h("li", {}, open);
    open.addEventListener("click", () => act(this.ctx, open, () => this.open(card.row)));
    return Object.assign(card, { parts });
  }

  _update(card, row) {
    const { parts } = card;
    card.row = row;
    setAttribute(card, "data-key", row.id);
    setAttribute(card, "data-pending", row.pending ? "yes" : null);
    setAttribute(parts.face, "data-role", row.role);
    setText(parts.face, initials(fullName(row)));
    setText(parts.name, fullName(row) + (row.id === this.ctx.me.id ? ` (${W.you})` : ""));
    setText(parts.role, [ROLE[row.role], row.training_level && TRAINING[row.training_level]].filter(Boolean).join(" · "));
    setText(parts.mail, [row.email, row.phone_number].filter(Boolean).join(" · "));
  }

  _items(row) {
    const text = (props = {}) => h("input", { type: "text", autocomplete: "off", maxlength: "100", ...props });
    return [
      [item("first_name", text(), row.first_name), item("last_name", text(), row.last_name)],
      item("email", text({ type: "email", maxlength: "255" }), row.email),
      [
        item("role", select(Object.entries(ROLE), row.role ?? "STUDENT"), row.role ?? "STUDENT", { show: (one) => ROLE[one] }),
        item("training_level", select([["", W.anyLevel], ...Object.entries(TRAINING)], row.training_level ?? ""), row.training_level ?? "", { empty: null, show: (one) => TRAINING[one] ?? W.anyLevel }),
      ],
      item("phone_number", text({ type: "tel", maxlength: "20" }), row.phone_number, { empty: null, hint: W.phoneHint }),
      item("cognito_user_id", text({ maxlength: "255", spellcheck: "false" }), row.cognito_user_id, { hint: W.subjectHint }),
    ];
  }

  make() {
    const { ctx } = this;
    create(ctx, {
      title: W.newUser,
      items: this._items({}),
      save: W.newUser,
      send: async (values) => {
        await ctx.api.post("/users", values);
        await this.read.again();
        ctx.toast(W.userMade, { kind: "good", text: fullName(values) });
      },
    });
  }

  open(row) {
    const { ctx } = this;
    return edit(ctx, {
      path: `/users/${row.id}`,
      title: fullName,
      told: false,
      items: (one) => this._items(one),
      hope: (hoped) => {
        if (hoped) this.hoped.set(row.id, hoped);
        else this.hoped.delete(row.id);
        this.draw();
      },
      foot: (one, control) => [button(W.deleteUser, "trash", () => this.remove(one, control), { kind: "button is-remove" })],
      extra: (one) => [h("p", { class: "above" }, h("span", { class: "above-links" },
        h("a", { href: `#/admin/audit/${encodeURIComponent(`actor=${one.id}`)}` }, W.trail),
        one.role === "ADMIN" ? "" : h("a", { href: `#/admin/bookings/${encodeURIComponent(`${one.role.toLowerCase()}=${one.id}`)}` }, MENU.bookings)))],
      onsaved: (saved) => {
        this.roster.rows = this.roster.rows.map((one) => (one.id === saved.id ? saved : one));
        this.draw();
        this.read.again();
        if (saved.id === ctx.me.id) ctx.renamed();
      },
    });
  }

  /**
   * Asked with what goes along: the hub deletes a user's flights with them. Who has acted stays on record, and what is
   * refused is said in the form, which stays open.
   */
  async remove(row, control) {
    const { ctx } = this;
    const name = fullName(row);
    await control.form.send(async () => {
      const [acted, ...flights] = await Promise.all([this._acted(row), this._flights(row, "student_id"), this._flights(row, "instructor_id")]);
      if (acted) throw new Error(W.hasActed(name));
      const text = W.deleteText(flights.flat().length, flights.flat().filter((one) => LIVE.has(one.status)).length, flights.some((these) => these.more));
      if (!(await ctx.confirm({ title: W.deleteTitle(name), text, yes: W.deleteYes, danger: true }))) return;
      const changed = await ctx.api.delete(`/users/${row.id}`, { match: control.version() }).then(() => false, (error) => {
        if (error.status !== 412) throw error;
        return true;
      });
      control.close();
      // What the form was opened on is no more: it is to be opened on what there is.
      if (changed) ctx.toast(W.notDone, { kind: "bad", text: W.changedElsewhere });
      else ctx.toast(W.deleted(name), { kind: "good", sign: "trash" });
      await this.read.again();
    });
  }

  async _acted({ id }) {
    const { body } = await this.ctx.api.get("/audit", { actor: id, limit: 1 }, { signal: this.ctx.signal });
    return body.items.length > 0;
  }

  /** Their flights, as one or the other; of very many (`more`) the first. */
  async _flights({ id }, as) {
    const { api, signal } = this.ctx;
    const rows = [];
    for await (const { body, next } of api.pages("/bookings", { [as]: id }, { signal })) {
      rows.push(...body.items);
      rows.more = next !== null && rows.length >= MOST;
      if (rows.more) break;
    }
    return rows;
  }
}
