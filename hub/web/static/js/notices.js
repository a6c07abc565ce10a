/**
 * Notifications and the unread badge.
 */
import { clear, flash, h, icon, keyed, setAttribute, setText } from "./dom.js";
import { NOTICE, SAY, ago } from "./words.js";

const MOST = 60;
const aside = document.getElementById("notices");
const list = document.getElementById("notices-list");
const fault = document.getElementById("notices-error");
const bell = document.getElementById("bell");
const badges = [document.getElementById("unread"), document.getElementById("bell-count")];

export class Notices {
  /** `mark(id)` marks one as read and rejects when it could not; `show(bookingId)` shows its flight. */
  constructor({ mark, show }) {
    this._mark = mark;
    this._show = show;
    this.unread = 0;
    bell.onclick = () => this.toggle(!aside.classList.contains("is-open"));
    document.getElementById("notices-close").onclick = () => this.toggle(false);
    aside.onkeydown = (event) => {
      if (event.key === "Escape") this.toggle(false);
    };
    clear(list);
    this.toggle(false, false);
  }

  /** On a narrow screen the notifications are a sheet; elsewhere always there. */
  toggle(open, focus = true) {
    const was = aside.classList.contains("is-open");
    aside.classList.toggle("is-open", open);
    setAttribute(bell, "aria-expanded", String(open));
    if (!focus || was === open) return;
    if (open) document.getElementById("notices-close").focus();
    else bell.focus();
  }

  render({ rows, ready, now, changes }) {
    const all = [...rows.values()].sort((a, b) => (a.created_at < b.created_at ? 1 : -1));
    this.unread = all.filter((row) => !row.read).length;
    for (const badge of badges) {
      badge.hidden = this.unread === 0;
      setText(badge, this.unread > 99 ? "99+" : String(this.unread));
    }
    setAttribute(badges[0], "aria-label", `${this.unread} unread`);
    setAttribute(aside, "aria-busy", ready ? null : "true");
    const items = all.slice(0, MOST).map((row) => ({ key: row.id, row }));
    if (!ready) for (let index = 0; index < 4; index += 1) items.push({ key: `wait-${index}`, wait: true });
    else if (items.length === 0) items.push({ key: "none", none: true });
    keyed(list, items, (item) => item.key, (item) => this._create(item), (element, item) => {
      if (item.row) this._update(element, item.row, now, changes.get(item.key));
    });
  }

  _create(item) {
    if (item.wait) return h("li", { class: "notice wait", "aria-hidden": "true" });
    if (item.none) {
      return h("li", { class: "empty" }, icon("bell"), h("b", {}, SAY.noNotices), h("span", { class: "quiet" }, SAY.noNoticesMore));
    }
    const kind = NOTICE[item.row.type] ?? { word: item.row.type, icon: "bell" };
    const parts = {
      title: h("h3"),
      message: h("p"),
      when: h("time", { datetime: item.row.created_at }),
      mark: h("button", { type: "button", class: "quiet-button" }, icon("check"), h("span", {}, "Mark read")),
      show: h("button", { type: "button", class: "quiet-button" }, h("span", {}, "Show flight")),
    };
    parts.mark.addEventListener("click", () => this._marking(parts.mark, item.key));
    parts.show.addEventListener("click", () => this._show(item.row.booking_id, parts.show));
    parts.show.hidden = item.row.booking_id === null;
    const element = h("li", { class: "notice", "data-type": item.row.type, "data-key": item.key, "data-fades": "" },
      h("span", { class: "notice-sign" }, icon(kind.icon)),
      h("p", { class: "notice-top" }, `${kind.word}, `, parts.when),
      parts.title,
      parts.message,
      h("p", { class: "notice-foot" }, parts.mark, parts.show),
    );
    element.parts = parts;
    return element;
  }

  _update(element, row, now, change) {
    const { title, message, when, mark } = element.parts;
    setText(title, row.title);
    setText(message, row.message);
    setText(when, ago(Date.parse(row.created_at), now));
    setAttribute(element, "data-read", row.read ? "yes" : "no");
    setAttribute(mark, "aria-label", `Mark read: ${row.title}`);
    if (row.read && mark === document.activeElement) this._focusNext(element);
    mark.hidden = row.read;
    if (row.read) setAttribute(mark, "aria-busy", null);
    if (change) flash(element, change);
  }

  /** The button that had the focus goes: the next unread one takes it, else the list's heading. */
  _focusNext(element) {
    const open = [...list.querySelectorAll('[data-read="no"]')].filter((one) => one !== element);
    const after = open.find((one) => element.compareDocumentPosition(one) & Node.DOCUMENT_POSITION_FOLLOWING);
    const next = (after ?? open[0])?.parts?.mark ?? document.getElementById("notices-name");
    if (next.tagName === "H2") next.tabIndex = -1;
    next.focus({ preventScroll: true });
  }

  /** Busy until the row itself comes back changed: the page shows what was committed, not what it hopes. */
  async _marking(button, id) {
    if (button.getAttribute("aria-busy")) return;
    setAttribute(button, "aria-busy", "true");
    setText(fault, "");
    try {
      await this._mark(id);
    } catch {
      setAttribute(button, "aria-busy", null);
      setText(fault, SAY.markFailed);
    }
  }
}
