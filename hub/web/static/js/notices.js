/**
 * What is new for the reader: the counts on the menu, and a message for each notification that arrives.
 *
 * Invariant: only what arrives while the page is open is called out; a first picture never is.
 */
import { NOTICE, SAY, clock, shortDate } from "./words.js";
import { DAY } from "./words/day.js";

const AT_ONCE = 2; // more than these become one message
const GATHER = 800; // ms: what comes within is told together

const SAID = /\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) (\d\d) ([A-Z][a-z]{2}) (\d\d:\d\d)Z/g;
const YEAR = 365.25 * 86_400_000;

/**
 * What the hub says in Zulu ("Mon 04 May 17:30Z"; hub/schedule/telling.py), by the reader's own clock as well:
 * "Mon, May 4, 10:30 (17:30Z)". The year, which is not said, is the one that is nearest to `near` (ms).
 */
export function localized(text, near) {
  return text.replace(SAID, (said, day, month, time) => {
    const year = new Date(near).getUTCFullYear();
    const moments = [year - 1, year, year + 1].map((one) => Date.parse(`${day} ${month} ${one} ${time} UTC`));
    const at = moments.find((one) => Math.abs(one - near) <= YEAR / 2);
    return at === undefined || new Date(at).getTimezoneOffset() === 0 ? said : `${shortDate(at)}, ${clock(at)} (${time}Z)`;
  });
}

/** The reschedulings that still wait for this person, the most urgent first. */
export function awaited(ctx) {
  const { id, role } = ctx.me;
  const mine = (row) =>
    role === "STUDENT" ? row.student_id === id && !row.student_submitted
    : role === "INSTRUCTOR" ? row.instructor_id === id && !row.instructor_submitted
    : false;
  const now = ctx.clock.now();
  return [...ctx.reschedule.rows.values()]
    .filter((row) => mine(row) && Date.parse(row.deadline) > now)
    .sort((a, b) => (a.deadline < b.deadline ? -1 : 1));
}

export class Notices {
  constructor(ctx, signal) {
    this._ctx = ctx;
    this._known = null;
    this._fresh = new Set();
    this.onchange = () => {};
    const { notifications, reschedule } = ctx;
    const undo = [
      notifications.on("change", (change) => this._took(change)),
      notifications.on("status", () => this._took(null)),
      reschedule.on("change", () => this.onchange()),
      reschedule.on("status", () => this.onchange()),
    ];
    ctx.clock.minute(() => this.onchange(), signal);
    signal.addEventListener("abort", () => {
      undo.forEach((one) => one());
      clearTimeout(this._soon);
    }, { once: true });
  }

  /** How much there is to be seen to on a page. */
  count(page) {
    if (page === "notifications") return this._unread().length;
    if (page === "mine") return awaited(this._ctx).length;
    return 0;
  }

  /** The same in words. */
  says(page, count) {
    return page === "mine" ? SAY.toAnswer(count) : SAY.unread(count);
  }

  _unread() {
    return [...this._ctx.notifications.rows.values()].filter((row) => !row.read);
  }

  _took(change) {
    const { notifications } = this._ctx;
    if (notifications.status !== "live" && !change) return;
    const fresh = this._known && !change?.reset ? this._unread().filter((row) => !this._known.has(row.id)) : [];
    this._known = new Set(notifications.rows.keys());
    if (fresh.length && !this._fresh.size) this._soon = setTimeout(() => this._call(), GATHER);
    for (const { id } of fresh) this._fresh.add(id);
    this.onchange();
  }

  /** Call out what is new, and unread still. */
  _call() {
    const fresh = this._unread().filter(({ id }) => this._fresh.has(id));
    this._fresh.clear();
    if (fresh.length > AT_ONCE) {
      this._ctx.toast(DAY.newNotices(fresh.length), { sign: "bell", action: this._to("notifications") });
    } else for (const row of fresh) this._tell(row);
  }

  _tell(row) {
    const sign = NOTICE[row.type]?.icon ?? "bell";
    const kind = ["WEATHER_ALERT", "DEADLINE_REMINDER", "ESCALATION"].includes(row.type) ? "warn" : "plain";
    const answers = ["OPTIONS_AVAILABLE", "DEADLINE_REMINDER"].includes(row.type) && row.booking_id && this._ctx.me.role !== "ADMIN";
    const action = answers ? this._to(`reschedule/${row.booking_id}`, SAY.choose) : this._to("notifications");
    this._ctx.toast(row.title, { kind, sign, text: localized(row.message, Date.parse(row.created_at)), action });
  }

  _to(path, word = SAY.show) {
    return { word, run: () => this._ctx.go(path) };
  }
}
