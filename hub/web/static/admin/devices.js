/**
 * The kiosks: which are connected and how far behind, paired by their code, renamed, flashed, reloaded, revoked.
 *
 * Rows come live (topic `devices`); when each was last here and who is connected is asked for every ten seconds.
 */
import { h, icon, keyed, setAttribute, setIcon, setText } from "../js/dom.js";
import { Picture } from "../js/picture.js";
import { create, edit, item } from "./editing.js";
import { Reading, act, button, drawing, everything, head, standIn } from "./parts.js";
import { MENU, W, when } from "./words.js";

const EVERY = 10_000; // ms
const SOON = 2000;
const CODE = 8; // letters

export function mount(root, ctx) {
  return new Devices(root, ctx);
}

class Devices {
  constructor(root, ctx) {
    this.ctx = ctx;
    this.hoped = new Map();
    this.draw = drawing(() => this.render(), ctx.signal);
    this.head = head(MENU.devices, button(W.pair, "plus", () => this.pair(), { first: true }));
    this.place = h("div");
    this.list = h("ul", { class: "cards" });
    this.former = h("ul", { class: "cards" });
    this.formerName = h("summary");
    this.past = h("details", { class: "past", hidden: true }, this.formerName, this.former);
    root.append(this.head.element, this.place, this.list, this.past);
    ctx.title(MENU.devices);
    this.seen = null; // once there is a picture: {last, there}
    this.picture = new Picture(ctx, { topic: "devices", path: "/devices", filter: {}, onchange: () => this._changed() });
    ctx.clock.minute(this.draw, ctx.signal);
    this.draw();
  }

  unmount() {
    clearTimeout(this.soon);
    this.picture.close();
  }

  /** What was just paired or revoked comes or goes in a moment: who is there is asked for then. */
  _changed() {
    this.draw();
    clearTimeout(this.soon);
    this.soon = setTimeout(() => this.seen?.again(), SOON);
  }

  async _see(signal) {
    const [rows, present] = await Promise.all([
      everything(this.ctx.api, "/devices", {}, signal),
      this.ctx.api.get("/presence", {}, { signal }),
    ]);
    const there = new Map(present.body.items.filter((one) => one.principal.kind === "device").map((one) => [one.principal.id, one]));
    return { last: new Map(rows.map((row) => [row.id, row.last_seen_at])), there };
  }

  render() {
    const { picture, ctx } = this;
    const now = ctx.clock.now();
    const loaded = picture.whole || picture.rows.size > 0;
    if (loaded) this.seen ??= new Reading(ctx, (signal) => this._see(signal), this.draw, { every: EVERY });
    const { value: known = null } = this.seen ?? {};
    const all = [...picture.rows.values()].map((row) => this.hoped.get(row.id) ?? row).sort((a, b) => a.name.localeCompare(b.name));
    const good = all.filter((row) => row.revoked_at === null);
    const former = all.filter((row) => row.revoked_at !== null);
    standIn(this.place, { error: picture.error, loaded, count: good.length, none: ["device", W.noDevices, W.noDevicesMore] });
    const on = good.filter((row) => known?.there.has(row.id)).length;
    setText(this.head.sum, loaded && known ? W.devices(on, good.length) : "");
    keyed(this.list, good, (row) => row.id, () => this._card(true), (card, row) => this._update(card, row, now, known));
    this.past.hidden = former.length === 0;
    setText(this.formerName, W.former(former.length));
    keyed(this.former, former, (row) => row.id, () => this._card(false), (card, row) => this._update(card, row, now, known));
  }

  _card(good) {
    const parts = { sign: icon("device"), name: h("b"), airport: h("span", { class: "tag" }), state: h("span", { class: "state" }), seen: h("span", { class: "quiet" }) };
    const card = h("li", { class: "device", "data-fades": "" },
      h("span", { class: "device-sign" }, parts.sign),
      h("div", { class: "card-words" }, h("h2", {}, parts.name, " ", parts.airport), h("p", {}, parts.state, " ", parts.seen)));
    if (good) {
      parts.acts = h("div", { class: "acts", role: "group" });
      const add = (word, sign, run) => {
        const one = button(word, sign, () => act(this.ctx, one, () => run(card.row)), { kind: "button is-small" });
        parts.acts.append(one);
        return one;
      };
      add(W.identify, "live", (row) => this.call(row, "identify", W.identified(row.name)));
      add(W.reload, "rescheduling", (row) => this.call(row, "reload", W.reloaded(row.name)));
      add(W.edit, "edit", (row) => this.open(row));
      add(W.revoke, "stopped", (row) => this.revoke(row)).classList.add("is-remove");
      card.append(parts.acts);
    }
    return Object.assign(card, { parts });
  }

  _update(card, row, now, known) {
    const { parts } = card;
    card.row = row;
    const there = known?.there.get(row.id);
    const last = known?.last.get(row.id);
    const kind = row.revoked_at ? "revoked" : row.paired_at === null ? "waiting" : there ? (there.behind ? "behind" : "on") : "off";
    setAttribute(card, "data-key", row.id);
    setAttribute(card, "data-kind", kind);
    setAttribute(card, "data-pending", row.pending ? "yes" : null);
    setText(parts.name, row.name);
    setText(parts.airport, row.airport ?? W.everyAirport);
    if (parts.acts) setAttribute(parts.acts, "aria-label", row.name);
    setIcon(parts.sign, { revoked: "stopped", waiting: "connecting", behind: "stale", on: "device", off: "waiting" }[kind]);
    const words = { revoked: W.revoked, waiting: W.unpaired, behind: W.behind(Math.ceil(there?.lag ?? 0)), on: W.connected, off: W.notThere };
    // What is not known yet is not called gone.
    setText(parts.state, kind === "off" && !known ? "" : words[kind]);
    setText(parts.seen, row.revoked_at ? when(Date.parse(row.revoked_at), now)
      : there ? W.since(when(Date.parse(there.since), now))
      : !known || row.paired_at === null ? "" : last ? W.lastSeen(when(Date.parse(last), now)) : W.neverSeen);
  }

  // ── writing ─────────────────────────────────────────────────────────────────────────────────

  _items(row) {
    return [
      item("name", h("input", { type: "text", autocomplete: "off", maxlength: "100" }), row.name, { hint: W.nameHint }),
      item("airport", h("input", { type: "text", autocomplete: "off", maxlength: "10", spellcheck: "false" }), row.airport, {
        hint: W.airportHint,
        read: (input) => input.value.trim().toUpperCase() || null,
        show: (one) => one ?? W.everyAirport,
      }),
    ];
  }

  pair() {
    const { ctx } = this;
    const code = item("user_code", h("input", { type: "text", class: "code", autocomplete: "off", autocapitalize: "characters", spellcheck: "false", maxlength: "12", placeholder: "BCDF-GHJK" }), "", { read: (input) => input.value.trim() });
    code.input.addEventListener("input", (event) => {
      if (event.inputType?.startsWith("delete")) return;
      const letters = code.input.value.toUpperCase().replace(/[^A-Z]/g, "");
      if (letters.length <= CODE) code.input.value = letters.length > CODE / 2 ? `${letters.slice(0, CODE / 2)}-${letters.slice(CODE / 2)}` : letters;
    });
    create(ctx, {
      title: W.pair,
      before: { element: h("p", { class: "quiet" }, W.pairText) },
      items: [code, ...this._items({})],
      save: W.pairYes,
      send: async (values) => {
        let answer;
        try {
          answer = await ctx.api.post("/devices", values);
        } catch (error) {
          if (error.status === 429) error.message = W.tooMany(error.retryAfter ?? 60);
          throw error;
        }
        await ctx.settled(answer);
        ctx.toast(W.paired(answer.body.name), { kind: "good", sign: "device" });
        this.seen?.again();
      },
    });
  }

  open(row) {
    return edit(this.ctx, {
      path: `/devices/${row.id}`,
      title: () => W.editDevice,
      items: (one) => this._items(one),
      hope: (hoped) => this._hope(row, hoped),
    });
  }

  async call(row, what, said) {
    const { ctx } = this;
    await ctx.settled(await ctx.api.post(`/devices/${row.id}/${what}`));
    ctx.toast(said, { kind: "good", sign: "device" });
  }

  async revoke(row) {
    const { ctx } = this;
    if (!(await ctx.confirm({ title: W.revokeTitle(row.name), text: W.revokeDevice, yes: W.revoke, danger: true }))) return;
    this._hope(row, { ...row, pending: true });
    try {
      await ctx.settled(await ctx.api.delete(`/devices/${row.id}`));
    } finally {
      this._hope(row, null);
    }
    ctx.toast(W.isRevoked(row.name), { kind: "good", sign: "stopped" });
    this.seen?.again();
  }

  _hope(row, hoped) {
    if (hoped) this.hoped.set(row.id, { ...row, ...hoped });
    else this.hoped.delete(row.id);
    this.draw();
  }
}
