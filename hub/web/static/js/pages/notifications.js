/**
 * Notifications: what one was told, the newest first; read here, read on every device.
 *
 * A mark is shown at once and stays only if the hub has it: what it refuses is unread again, and says why. What
 * asked for an answer and does no more says so, as far as the live topic knows; nothing is written for that.
 */
import { clear, flash, h, icon, keyed, refocus, setAttribute, setText } from "../dom.js";
import { empty } from "../instead.js";
import { localized } from "../notices.js";
import { NOTICE, PAGE, SAY, ago, plural } from "../words.js";
import { NOTICED } from "../words/notices.js";

const STEP = 50; // as many are shown, and as many more when asked for
const URGENT = new Set(["WEATHER_ALERT", "DEADLINE_REMINDER", "ESCALATION"]);

export function mount(root, ctx) {
  const all = ctx.notifications;
  const marked = new Set(); // read as far as this page is concerned, not yet as far as the hub has said
  const changes = new Map();
  let only = false;
  let most = STEP;
  ctx.title(PAGE.notifications);

  const name = h("h1", {}, PAGE.notifications);
  const sum = h("p", { class: "quiet" });
  const everything = h("button", { type: "button", onclick: () => choose(false) }, SAY.all);
  const unread = h("button", { type: "button", onclick: () => choose(true) }, SAY.onlyUnread);
  const readAll = h("button", { type: "button", class: "button", "data-edit": true, onclick: () => markAll() }, icon("check"), SAY.readAll);
  const fault = h("p", { class: "form-fault", role: "alert" });
  const list = h("ul", { class: "notices-list" });
  const place = h("div");
  const more = h("button", { type: "button", class: "button", onclick: () => ((most += STEP), draw()) }, SAY.more);
  root.append(
    h("div", { class: "flights narrow" },
      h("div", { class: "day-bar" },
        h("div", { class: "day-words" }, name, sum),
        h("div", { class: "shape", role: "group", "aria-label": SAY.showAs }, everything, unread),
        readAll),
      fault, place, list, more),
  );

  const isRead = (row) => row.read || marked.has(row.id);
  // An admin answers nothing.
  const asks = (row) => row.booking_id !== null && SAY.answers(row.type) && ctx.me.role !== "ADMIN";

  /** Why there is no answer to give any more, in a word: none while there is, or while that is not known. */
  function over(row, now) {
    if (!asks(row) || ctx.reschedule.status !== "live") return "";
    const open = ctx.reschedule.rows.get(row.booking_id);
    if (!open) return NOTICED.settled;
    return open.deadline && Date.parse(open.deadline) <= now ? SAY.passed : "";
  }

  function choose(value) {
    only = value;
    draw();
  }

  async function mark(id, item) {
    if (marked.has(id)) return;
    marked.add(id);
    setText(item.parts.fault, "");
    moveFocus(item);
    draw();
    try {
      await ctx.settled(await ctx.api.post(`/notifications/${id}/read`));
    } catch (error) {
      setText(item.parts.fault, `${SAY.notMarked} ${error.message}`);
    }
    marked.delete(id);
    draw();
  }

  async function markAll() {
    const rows = [...all.rows.values()].filter((row) => !isRead(row));
    if (rows.length === 0) return;
    for (const row of rows) marked.add(row.id);
    setText(fault, "");
    name.tabIndex = -1;
    name.focus({ preventScroll: true });
    draw();
    const newest = rows.reduce((a, b) => (a.created_at > b.created_at ? a : b));
    try {
      const path = `/notifications/read-all?until=${encodeURIComponent(newest.created_at)}`;
      await ctx.settled(await ctx.api.post(path));
      ctx.toast(SAY.allRead(rows.length), { kind: "good" });
    } catch (error) {
      setText(fault, `${SAY.notMarked} ${error.message}`);
    }
    for (const row of rows) marked.delete(row.id);
    draw();
  }

  /** The button that had the focus goes: the next unread one takes it, else the page's heading. */
  function moveFocus(item) {
    if (!item.contains(document.activeElement)) return;
    const open = [...list.querySelectorAll('[data-read="no"]')].filter((one) => one !== item);
    const after = open.find((one) => item.compareDocumentPosition(one) & Node.DOCUMENT_POSITION_FOLLOWING);
    const next = (after ?? open[0])?.parts.mark ?? name;
    if (next === name) name.tabIndex = -1;
    next.focus({ preventScroll: true });
  }

  function create(row) {
    const kind = NOTICE[row.type] ?? { word: row.type, icon: "bell" };
    const parts = {
      title: h("h2"),
      message: h("p"),
      when: h("time", { datetime: row.created_at }),
      over: h("span"),
      mark: h("button", { type: "button", class: "quiet-button", "data-edit": true }, icon("check"), h("span", {}, SAY.markRead)),
      answer: h("a", { class: "quiet-button", href: `#/reschedule/${row.booking_id}` }, h("span", {}, SAY.choose)),
      show: h("button", { type: "button", class: "quiet-button", onclick: () => showFlight(row.booking_id, parts.fault) }, h("span", {}, SAY.showFlight)),
      fault: h("p", { class: "form-fault", role: "alert" }),
    };
    const item = h("li", { class: "notice", "data-type": row.type, "data-key": row.id, "data-fades": "" },
      h("span", { class: "notice-sign" }, icon(kind.icon)),
      h("p", { class: "notice-top" }, `${kind.word}, `, parts.when, parts.over),
      parts.title,
      parts.message,
      h("p", { class: "notice-foot" }, parts.answer, parts.show, parts.mark),
      parts.fault,
    );
    parts.mark.addEventListener("click", () => mark(row.id, item));
    return Object.assign(item, { parts });
  }

  async function showFlight(id, said) {
    try {
      const { body } = await ctx.api.get(`/bookings/${id}`, {}, { signal: ctx.signal });
      const at = new Date(body.scheduled_datetime);
      const two = (number) => String(number).padStart(2, "0");
      ctx.go(`day/${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}/${id}`);
    } catch (error) {
      if (!ctx.signal.aborted) setText(said, error.message);
    }
  }

  function draw() {
    const now = ctx.clock.now();
    const held = root.contains(document.activeElement);
    const rows = [...all.rows.values()].sort((a, b) => (a.created_at < b.created_at ? 1 : -1));
    const fresh = rows.filter((row) => !isRead(row));
    const shown = (only ? fresh : rows).slice(0, most);
    const known = all.status === "live" || all.status === "stale" || rows.length > 0;
    setText(sum, known ? (fresh.length ? SAY.unread(fresh.length) : SAY.nothingUnread) : "");
    setAttribute(everything, "aria-pressed", String(!only));
    setAttribute(unread, "aria-pressed", String(only));
    readAll.disabled = fresh.length === 0;
    if (readAll.disabled) readAll.blur();
    more.hidden = (only ? fresh : rows).length <= most;
    place.replaceChildren();
    if (shown.length === 0) {
      clear(list);
      if (all.error) place.append(empty("stopped", SAY.refused, all.error.message));
      else if (known) place.append(empty("bell", only ? SAY.nothingUnread : SAY.noNotices, SAY.noNoticesMore));
      else if (["waiting", "stopped"].includes(ctx.client.state)) place.append(empty("waiting", SAY.cannotLoad, ""));
      else place.append(h("ul", { class: "notices-list", "aria-label": SAY.loading }, Array.from({ length: 5 }, () => h("li", { class: "notice wait" }))));
    }
    list.hidden = shown.length === 0;
    keyed(list, shown, (row) => row.id, create, (item, row) => {
      const { title, message, when, mark, answer, show } = item.parts;
      const done = over(row, now);
      setText(title, row.title);
      setText(message, localized(row.message, Date.parse(row.created_at)));
      setText(when, ago(Date.parse(row.created_at), now));
      setText(item.parts.over, done && ` · ${done}`);
      setAttribute(item, "data-urgent", !done && URGENT.has(row.type));
      answer.hidden = done !== "" || !asks(row);
      show.hidden = row.booking_id === null || !answer.hidden;
      setAttribute(item, "data-read", isRead(row) ? "yes" : "no");
      setAttribute(mark, "aria-label", `${SAY.markRead}: ${row.title}`);
      mark.hidden = isRead(row);
      const change = changes.get(row.id);
      if (change) flash(item, change);
    });
    changes.clear();
    if (held) refocus(name);
    setAttribute(sum, "title", known ? plural(rows.length, "notification") : null);
  }

  const undo = [
    all.on("change", ({ reset, transactions }) => {
      for (const { items } of reset ? [] : transactions) for (const { op, key, row } of items) if (op === "upsert" && !row.read) changes.set(key, "is-new");
      draw();
    }),
    all.on("status", draw),
    ctx.reschedule.on("change", draw),
    ctx.reschedule.on("status", draw),
  ];
  ctx.signal.addEventListener("abort", () => undo.forEach((one) => one()), { once: true });
  ctx.clock.minute(draw, ctx.signal);
  draw();
}
