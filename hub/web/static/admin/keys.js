/**
 * What integrations sign in with: made with scopes, shown once, revoked for good.
 *
 * Invariant: a secret is in the dialog that shows it, as long as that is open, and nowhere else.
 */
import { h, icon, keyed, setAttribute, setText } from "../js/dom.js";
import { create, item } from "./editing.js";
import { Reading, act, button, drawing, everything, head, open, standIn } from "./parts.js";
import { Roster } from "./roster.js";
import { MENU, SCOPE, W, when } from "./words.js";

const EVERY = 30_000; // ms

export function mount(root, ctx) {
  return new Keys(root, ctx);
}

class Keys {
  constructor(root, ctx) {
    this.ctx = ctx;
    this.revoking = new Set();
    this.draw = drawing(() => this.render(), ctx.signal);
    this.roster = new Roster(ctx, this.draw);
    this.head = head(MENU.keys, button(W.newKey, "plus", () => this.make(), { first: true }));
    this.place = h("div");
    this.list = h("ul", { class: "cards" });
    this.former = h("ul", { class: "cards" });
    this.formerName = h("summary");
    this.past = h("details", { class: "past", hidden: true }, this.formerName, this.former);
    root.append(this.head.element, this.place, this.list, this.past);
    ctx.title(MENU.keys);
    this.read = new Reading(ctx, (signal) => everything(ctx.api, "/keys", {}, signal), this.draw, { every: EVERY });
    this.draw();
  }

  render() {
    const { read } = this;
    const all = read.value ?? [];
    const good = all.filter((row) => row.revoked_at === null);
    const former = all.filter((row) => row.revoked_at !== null);
    standIn(this.place, { error: read.error, loaded: read.loaded, count: good.length, none: ["key", W.noKeys, W.noKeysMore], again: () => read.again() });
    if (read.loaded) this.roster.want();
    setText(this.head.sum, read.loaded ? W.keys(good.length) : "");
    keyed(this.list, good, (row) => row.id, () => this._card(true), (card, row) => this._update(card, row));
    this.past.hidden = former.length === 0;
    setText(this.formerName, W.former(former.length));
    keyed(this.former, former, (row) => row.id, () => this._card(false), (card, row) => this._update(card, row));
  }

  _card(good) {
    const parts = { name: h("b"), prefix: h("code", { class: "tag" }), scopes: h("ul", { class: "scopes" }), when: h("p", { class: "quiet" }) };
    const card = h("li", { class: "device" }, h("span", { class: "device-sign" }, icon("key")),
      h("div", { class: "card-words" }, h("h2", {}, parts.name, " ", parts.prefix), parts.scopes, parts.when));
    if (good) {
      const revoke = button(W.revoke, "stopped", () => act(this.ctx, revoke, () => this.revoke(card.row)), { kind: "button is-small is-remove" });
      parts.revoke = revoke;
      card.append(h("div", { class: "acts" }, revoke));
    }
    return Object.assign(card, { parts });
  }

  _update(card, row) {
    const { parts } = card;
    const now = this.ctx.clock.now();
    const at = (text) => when(Date.parse(text), now);
    card.row = row;
    setAttribute(card, "data-key", row.id);
    setAttribute(card, "data-kind", row.revoked_at ? "revoked" : "on");
    setAttribute(card, "data-pending", this.revoking.has(row.id) ? "yes" : null);
    setText(parts.name, row.name);
    setText(parts.prefix, `${row.prefix}…`);
    if (parts.revoke) setAttribute(parts.revoke, "aria-label", `${W.revoke}: ${row.name}`);
    keyed(parts.scopes, row.scopes, String, (scope) => h("li", { class: "tag" }, SCOPE[scope] ?? scope), () => {});
    const told = [row.last_used_at ? W.lastUsed(at(row.last_used_at)) : W.neverUsed, W.madeOn(at(row.created_at), this.roster.name(row.created_by))];
    if (row.revoked_at) told.unshift(W.revokedOn(at(row.revoked_at)));
    setText(parts.when, told.join(", "));
  }

  make() {
    const { ctx } = this;
    const boxes = Object.entries(SCOPE).map(([scope, word]) => h("input", { type: "checkbox", value: scope, "aria-label": `${word} (${scope})` }));
    const set = h("fieldset", { class: "fieldset" }, h("div", { class: "scope-list" },
      boxes.map((box) => h("label", { class: "check" }, box, h("span", {}, SCOPE[box.value], " ", h("code", { class: "quiet" }, box.value))))));
    const scopes = item("scopes", set, null, { read: () => boxes.filter((box) => box.checked).map((box) => box.value), write: () => {} });
    // A fieldset has a legend, and no focus of its own.
    scopes.element.querySelector("label[for]").replaceWith();
    set.prepend(h("legend", {}, W.scopes));
    const mark = scopes.fault;
    scopes.fault = (text) => {
      mark(text);
      set.removeAttribute("aria-invalid");
      for (const box of boxes) setAttribute(box, "aria-invalid", text ? "true" : null);
    };
    set.focus = () => boxes[0].focus();
    create(ctx, {
      title: W.newKey,
      items: [item("name", h("input", { type: "text", autocomplete: "off", maxlength: "100" }), "", { label: W.keyName, hint: W.keyNameHint }), scopes],
      save: W.makeKey,
      wide: true,
      send: async (values) => {
        const { body } = await ctx.api.post("/keys", values, { key: null });
        this.read.again();
        // Once the form is gone: a dialog opened over it would give the focus back to nobody.
        setTimeout(() => this.show(body), 0);
      },
    });
  }

  /** The secret, this once. An Escape before it was copied is asked about; the second one closes. */
  show({ name, secret }) {
    const { ctx } = this;
    const shown = h("input", { type: "text", class: "secret", readonly: true, value: secret, "aria-label": `${W.secret}: ${name}`, autocomplete: "off", spellcheck: "false" });
    const said = h("p", { class: "quiet", role: "status" });
    let copied = false;
    const copy = button(W.copy, "check", async () => {
      try {
        await navigator.clipboard.writeText(secret);
        copied = true;
        setText(said, W.copied);
      } catch {
        shown.select();
        copied = document.execCommand("copy");
        setText(said, copied ? W.copied : W.notCopied);
      }
    }, { first: true, edits: false });
    const element = h("div", { class: "form" },
      h("p", { class: "warn" }, icon("at-risk"), h("span", {}, W.secretText)),
      h("div", { class: "secret-line" }, shown, copy), said,
      h("div", { class: "dialog-foot" }, button(W.stored, null, () => close(), { edits: false })));
    const close = open(ctx, `${W.secretTitle}: ${name}`, element, { wide: true, onclose: () => (shown.value = "") });
    shown.addEventListener("focus", () => shown.select());
    element.closest("dialog").addEventListener("cancel", (event) => {
      if (copied) return;
      event.preventDefault();
      copied = true;
      setText(said, W.closing);
    });
    copy.focus();
  }

  async revoke(row) {
    const { ctx, revoking } = this;
    if (!(await ctx.confirm({ title: W.revokeTitle(row.name), text: W.revokeKey, yes: W.revoke, danger: true }))) return;
    revoking.add(row.id);
    this.draw();
    try {
      await ctx.api.delete(`/keys/${row.id}`);
      await this.read.again();
    } finally {
      revoking.delete(row.id);
      this.draw();
    }
    ctx.toast(W.isRevoked(row.name), { kind: "good", sign: "stopped" });
  }
}
