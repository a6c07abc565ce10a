/**
 * The page put together: who is signed in, which day, one render for whatever a frame changed.
 */
import { Agenda } from "./agenda.js";
import { Board } from "./board.js";
import { HubClient } from "./client.js";
import { dayKey, dayOf, flightsOf, midnight, renderHead, renderNext, renderTally } from "./day.js";
import { clear, setAttribute, setText } from "./dom.js";
import * as door from "./door.js";
import { FlightCard } from "./flight.js";
import { instead } from "./instead.js";
import { Link } from "./link.js";
import { Notices } from "./notices.js";
import { Session } from "./session.js";
import { Story } from "./story.js";
import { ROLE, clock, initials, sameDay, weekday, zone, zulu } from "./words.js";

const el = (id) => document.getElementById(id);
const SHAPE = "hub.shape";
const HELD_DAYS = 14;

class App {
  constructor(session) {
    this.session = session;
    this.role = session.user.role;
    this.changes = new Map();
    this.held = new Map();
    this.undo = new AbortController();
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    this.client = new HubClient({
      url: `${scheme}://${location.host}/api/v1/ws`,
      getToken: (how) => session.token(how),
    });
    this.link = new Link(this.client, {
      onretry: () => this.client.retry(),
      onsignin: () => leave(this),
    });
    this.card = new FlightCard();
    this.story = new Story();
    const onopen = (key, anchor) => this.open(key, anchor);
    this.board = new Board({ onopen });
    this.agenda = new Agenda({ onopen });
    this.notices = new Notices({ mark: (id) => this.mark(id), show: (id, anchor) => this.show(id, anchor) });
  }

  start() {
    this.day = dayOf(location.hash.slice(1));
    this.watched = null;
    this.mine = this.client.watch("notifications");
    this.client.on("state", () => this.draw());
    this.client.on("update", (updates) => this.took(updates));
    this.client.on("fault", (fault) => console.warn(`hub: ${fault.code}: ${fault.message}`));
    this.client.on("welcome", ({ principal }) => {
      // Name and role as they are today, not as they were at sign-in.
      this.role = principal.role ?? this.role;
      this.session.user.name = principal.name ?? this.session.user.name;
      this.person();
    });
    this.person();
    this.follow();
    const on = (id, fn) => el(id).addEventListener("click", fn, { signal: this.undo.signal });
    on("day-back", () => this.step(-1));
    on("day-on", () => this.step(1));
    on("day-today", () => this.go(null));
    on("as-board", () => this.shape("board"));
    on("as-list", () => this.shape("list"));
    on("sign-out", () => leave(this));
    const signal = this.undo.signal;
    addEventListener("hashchange", () => this.go(dayOf(location.hash.slice(1))), { signal });
    addEventListener("resize", () => this.draw(), { signal });
    document.addEventListener("visibilitychange", () => this.draw(), { signal });
    el("app").hidden = false;
    this.client.connect();
    this.tick();
  }

  stop() {
    this.undo.abort();
    clearTimeout(this.ticking);
    this.client.close();
    this.card.close();
    el("app").hidden = true;
    // Whoever signs in next sees nothing of what this person saw.
    for (const id of ["day", "tally", "notices-list", "story-list", "next"]) clear(el(id));
    document.body.removeAttribute("data-link");
  }

  // ── the day ─────────────────────────────────────────────────────────────────────────────────

  get from() {
    return this.day ?? midnight(this.client.now());
  }

  step(days) {
    this.go(midnight(this.from, days));
  }

  /** Go to a day (its local midnight), or back to following today (null). */
  go(day) {
    this.day = day !== null && sameDay(day, this.client.now()) ? null : day;
    history.replaceState(null, "", this.day === null ? location.pathname : `#${dayKey(this.day)}`);
    this.follow();
    this.draw();
  }

  /** Watch the day in view; the day that was is kept with its cursor, so coming back is at once. */
  follow() {
    const key = dayKey(this.from);
    if (this.watched === key) return;
    if (this.flights) {
      this.held.delete(this.watched);
      const held = this.flights.close();
      if (held) this.held.set(this.watched, held);
      if (this.held.size > HELD_DAYS) this.held.delete(this.held.keys().next().value);
      this.card.close();
      this.story.clear();
    }
    this.watched = key;
    this.asked = performance.now();
    const filter = {
      from: new Date(this.from).toISOString(),
      to: new Date(midnight(this.from, 1)).toISOString(),
    };
    this.flights = this.client.watch("bookings", filter, this.held.get(key) ?? null);
  }

  // ── what changes ────────────────────────────────────────────────────────────────────────────

  took(updates) {
    for (const { watch, update } of updates) {
      if (watch !== this.flights && watch !== this.mine) continue;
      for (const [key, { before, changed }] of update.upserts) {
        if (before && changed.every((name) => name === "updated_at")) continue;
        this.changes.set(key, before ? "is-changed" : "is-new");
      }
      if (watch === this.flights) this.story.tell(update, this.client.now());
    }
    this.draw();
  }

  async mark(id) {
    const response = await this.session.call("POST", `/api/v1/notifications/${id}/read`);
    if (!response.ok) throw new Error(`The hub answered ${response.status}`);
  }

  async show(id, anchor) {
    this.notices.toggle(false, false);
    if (!this.flights.rows.has(id)) {
      const response = await this.session.call("GET", `/api/v1/bookings/${id}`).catch(() => null);
      if (!response?.ok) return;
      this.go(midnight(Date.parse((await response.json()).scheduled_datetime)));
      this.opening = id;
      return;
    }
    const shown = document.querySelector(`#day [data-key="${CSS.escape(id)}"] button`);
    shown?.scrollIntoView({ block: "nearest", inline: "center" });
    this.open(id, shown ?? anchor);
  }

  open(key, anchor) {
    const row = this.flights.rows.get(key);
    if (row) this.card.open(key, row, anchor);
  }

  // ── drawing ─────────────────────────────────────────────────────────────────────────────────

  /** Draw soon: once, whatever happened until then. */
  draw() {
    if (this.drawing) return;
    this.drawing = true;
    const now = () => {
      this.drawing = false;
      if (!this.undo.signal.aborted) this.render();
    };
    // A hidden tab gets no animation frames, but its title still tells what is unread.
    if (document.hidden) setTimeout(now, 200);
    else requestAnimationFrame(now);
  }

  /** Each second: the clocks and the count-downs. Each minute: what depends on the minute. */
  tick() {
    const now = this.client.now();
    this.ticking = setTimeout(() => this.tick(), 1000 - (now % 1000) + 5);
    this.follow();
    const minute = Math.floor(now / 60_000);
    if (minute !== this.minute || this.flights.pending) this.draw();
    this.minute = minute;
    setText(el("clock-local"), clock(now));
    setText(el("clock-zone"), zone(now));
    setText(el("clock-zulu"), zulu(now));
    this.link.render();
  }

  shape(name) {
    localStorage.setItem(SHAPE, name);
    this.draw();
  }

  /** As chosen; else a timeline for those who see many flights and have the room. */
  get shown() {
    const chosen = localStorage.getItem(SHAPE);
    if (chosen === "board" || chosen === "list") return chosen;
    return this.role !== "STUDENT" && innerWidth >= 900 ? "board" : "list";
  }

  person() {
    const { name, email } = this.session.user;
    setText(el("me-initials"), initials(name));
    setAttribute(el("me-initials"), "data-role", this.role);
    for (const id of ["me-name", "me-card-name"]) setText(el(id), name);
    for (const id of ["me-role", "me-card-role"]) setText(el(id), ROLE[this.role]);
    setText(el("me-card-email"), email);
  }

  /** How old what is shown may be. */
  renderKnown() {
    const known = el("day-known");
    known.hidden = this.link.trusted || this.client.heardAt === null || !this.flights.ready;
    if (!known.hidden) setText(known, `As known at ${this.link.knownAt}`);
  }

  render() {
    const now = this.client.now();
    const { from, role, changes } = this;
    const to = midnight(from, 1);
    const today = now >= from && now < to;
    this.link.render();
    renderHead(from, now);
    this.renderKnown();
    this.notices.render({ rows: this.mine.rows, ready: this.mine.ready, now, changes });
    const flights = flightsOf(this.flights.rows);
    renderTally(el("tally"), flights);
    renderNext(el("next"), flights, now, today);
    const view = this.shown === "board" ? this.board : this.agenda;
    setAttribute(el("as-board"), "aria-pressed", String(view === this.board));
    setAttribute(el("as-list"), "aria-pressed", String(view === this.agenda));
    setAttribute(el("day"), "aria-busy", this.flights.ready ? null : "true");
    if (flights.length > 0) {
      show(view.element);
      view.render({ flights, from, to, now, role, changes });
    } else show(instead(this.flights, this.client, this.asked));
    if (this.card.key !== null) {
      const row = this.flights.rows.get(this.card.key);
      if (row) this.card.update(row, changes.get(this.card.key));
      else this.card.close();
    }
    changes.clear();
    const unread = this.notices.unread ? `(${this.notices.unread}) ` : "";
    document.title = `${unread}${weekday(from)} · Flight schedule`;
    if (this.opening && this.flights.rows.has(this.opening)) {
      const id = this.opening;
      this.opening = null;
      this.show(id, el("day-name"));
    }
  }
}

/** Put an element in the day's place, unless it, or its like, is there. */
function show(element) {
  const place = el("day");
  const same = place.firstElementChild;
  if (same === element || (same?.dataset.what && same.dataset.what === element.dataset.what)) return;
  place.replaceChildren(element);
}

async function leave(app) {
  app.stop();
  app.session.signOut();
  enter(await door.open());
}

function enter(session) {
  new App(session).start();
}

const kept = Session.restore();
enter(kept ?? (await door.open()));
