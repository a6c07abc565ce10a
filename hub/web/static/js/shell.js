/**
 * The shell: who is signed in, which page is shown, and what every page is given.
 *
 * A page is a module with
 *
 *     export async function mount(root, ctx) → undefined | { update?(params), unmount?(), error? }
 *
 * `root` is an empty element of its own (in <main>); it is thrown away at the next page. `ctx.signal` aborts
 * then: give it to addEventListener, `ctx.clock.second(fn, signal)`, … and nothing else need be undone.
 * `update(params)` is called instead of a new mount where only the parameters changed. While `error` (why
 * what it shows could not be read, or null) is one, nothing is called "Live". ctx has
 *
 * - client     HubClient (/client/hub.js): rarely needed itself
 * - watch      (topic, filter, {cursor, rows}) → Watch; closed with the page, and "Live" rests on it
 * - api        Api (api.js): get, post, put, patch, delete; throws Problem and Unreachable
 * - settled    (answer) → when what was written has come round on the watches; never rejects
 * - me         {id, role, name, email}: `id` may be null until `await ctx.known`
 * - known      Promise: the hub has said who this is
 * - notifications, reschedule   the shell's own watches of these topics
 * - clock      now(), second(fn, signal), minute(fn, signal): the server's time
 * - link       live, why, on(fn, signal): whether what is shown is current
 * - toast, confirm (toast.js), words (words.js)
 * - params     what follows the page's name in the address: #/day/2026-11-23 → ["2026-11-23"]
 * - go         (path, {replace}) → to another page: ctx.go("day/2026-11-23")
 * - title      (text): the document's title
 * - style      (path) → a style sheet of static/, once: await ctx.style("css/answer.css")
 * - lost       (error, again): a file of the page could not be had; says why, calls `again()` once it may be there
 * - renamed    (): the reader's own name was changed; the hub is asked what it is
 * - signal     AbortSignal of this mount
 *
 * Mark every control that writes (button, form) with `data-edit`: offline it is `aria-disabled` and says why.
 * A page's heading is an <h1>; after a change of page it has the focus.
 */
import { HubClient } from "../client/hub.js";
import { Api } from "./api.js";
import { Clock } from "./clock.js";
import { h, icon } from "./dom.js";
import { Head } from "./head.js";
import { Link } from "./link.js";
import { Notices } from "./notices.js";
import { forget, remember, remembered } from "./session.js";
import { confirm, hush, toast } from "./toast.js";
import * as words from "./words.js";

const { SAY } = words;
const el = (id) => document.getElementById(id);
const FLIES = ["STUDENT", "INSTRUCTOR"];
const SETTLE = 10_000; // ms

/**
 * The pages by name: the menu's icon (none: not in the menu), who has it, its module and its own style sheet.
 * What is fetched ahead of them is index.html's to say.
 */
const PAGES = {
  day: { sign: "board", load: () => import("./pages/day.js") },
  mine: { sign: "plane", roles: FLIES, load: () => import("./pages/mine.js") },
  availability: { sign: "week", roles: FLIES, sheet: "css/answer.css", load: () => import("./pages/availability.js") },
  notifications: { sign: "bell", load: () => import("./pages/notifications.js") },
  reschedule: { sheet: "css/answer.css", load: () => import("./pages/reschedule.js") },
  admin: { sign: "tower", roles: ["ADMIN"], sheet: "admin/admin.css", load: () => import("./pages/admin.js") },
};

export class Shell {
  constructor(session, { onleave }) {
    this.session = session;
    this.leaving = new AbortController();
    const { signal } = this.leaving;
    const kept = remembered();
    this.me = { id: null, role: null, name: "", email: "", ...session.user, ...kept };
    this.client = new HubClient({ getToken: (why) => session.getToken(why) });
    this.link = new Link(this.client, {
      onretry: () => this.client.connect(),
      onsignin: onleave,
      onrefuse: (why) => toast(why, { kind: "bad", sign: "waiting" }),
      signal,
    });
    this.known = new Promise((resolve) => {
      if (kept) resolve(this.me);
      this.client.on("welcome", ({ principal }) => resolve(this._welcome(principal)));
    });
    this.clock = new Clock(this.client);
    signal.addEventListener("abort", () => this.clock.stop());
    this.onleave = onleave;
    this.head = new Head();
  }

  async start() {
    const { signal } = this.leaving;
    const notifications = this.client.watch("notifications");
    const reschedule = this.client.watch("reschedule");
    for (const watch of [notifications, reschedule, this]) this.link.rely(watch);
    this.ctx = {
      client: this.client,
      api: new Api(this.session),
      me: this.me,
      known: this.known,
      clock: this.clock,
      link: this.link,
      notifications,
      reschedule,
      words,
      toast,
      settled: (answer) => this._settled(answer),
      go: (path, how) => this.go(path, how),
      title: (text) => this._title(text),
      style,
      renamed: () => this._ask(),
    };
    this.notices = new Notices(this.ctx, signal);
    this.notices.onchange = () => this._menu();
    // With other rights one begins anew: perhaps the role is another.
    for (const watch of [notifications, reschedule]) watch.ready.then(() => watch.on("change", ({ reset }) => reset && this._ask()), () => {});
    this.client.on("state", () => this.link.render());
    this.clock.second((now) => this._tick(now), signal);
    addEventListener("hashchange", () => this.route(), { signal });
    document.addEventListener("visibilitychange", () => this.link.render(), { signal });
    el("skip").addEventListener("click", () => el("main").focus(), { signal });
    el("sign-out").addEventListener("click", () => this.onleave(), { signal });
    this.client.connect();
    this._person();
    el("app").hidden = false;
    if (!this.me.role) await this.known;
    this.route();
  }

  /** What the link may say of the page. What is not there could be read: there is nothing old to be seen. */
  get status() {
    const { error } = this.page ?? {};
    return error && error.status !== 404 ? "failed" : "live";
  }

  stop() {
    this.leaving.abort();
    this._unmount();
    if (this.client.state === "stopped") this.client.close();
    else this.client.signOut();
    this.session.signOut();
    forget();
    el("me-card").hidePopover();
    // Unseen but open, one would keep everybody from the door.
    for (const box of document.querySelectorAll("dialog[open]")) box.close();
    el("app").hidden = true;
    el("main").replaceChildren();
    hush();
    document.body.removeAttribute("data-link");
  }

  // ── which page ──────────────────────────────────────────────────────────────────────────────

  get home() {
    return this.me.role === "STUDENT" ? "mine" : "day";
  }

  go(path, { replace = false } = {}) {
    if (location.hash === `#/${path}`) return;
    if (!replace) {
      location.hash = `/${path}`;
      return;
    }
    history.replaceState(null, "", `#/${path}`);
    this.route();
  }

  /** Show what the address names. */
  async route() {
    // What a kiosk shows beside its code is short enough to be typed.
    if (location.hash === "#devices") {
      this.go("admin/devices", { replace: true });
      return;
    }
    const [name = "", ...params] = location.hash.replace(/^#\/?/, "").split("/").map(decode).filter(Boolean);
    const page = Object.hasOwn(PAGES, name) ? PAGES[name] : name === "" ? PAGES[this.home] : null;
    const shown = page === null ? null : name || this.home;
    if (shown !== null && this.shown === shown && this.page?.update) {
      this.page.update(params);
      return;
    }
    const first = this.shown === undefined;
    this._unmount();
    this.shown = shown;
    this._menu();
    const root = h("div", { class: "page", "data-page": shown });
    const mounting = (this.mounting = new AbortController());
    const { signal } = mounting;
    el("main").replaceChildren(root);
    scrollTo(0, 0);
    try {
      if (!page || (page.roles && !page.roles.includes(this.me.role))) this._nowhere(root);
      else {
        const [module] = await Promise.all([page.load(), page.sheet && style(page.sheet)]);
        if (signal.aborted) return;
        const lost = (error, again) => this._lost(error, again, signal);
        const ctx = {
          ...this.ctx, params, signal, lost,
          confirm: (what) => confirm({ signal, ...what }),
          watch: (...what) => this._watch(signal, ...what),
        };
        const made = await module.mount(root, ctx);
        if (signal.aborted) made?.unmount?.();
        else this.page = made ?? null;
      }
    } catch (error) {
      if (signal.aborted) return;
      this._failed(root, error, signal);
    }
    if (!first && !signal.aborted) this._focus(root);
  }

  _unmount() {
    this.mounting?.abort();
    this.page?.unmount?.();
    this.page = null;
  }

  _watch(signal, topic, filter, held) {
    const watch = this.client.watch(topic, filter, held);
    const forgotten = this.link.rely(watch);
    const close = watch.close.bind(watch);
    const end = () => watch.close();
    // A page that is open for long sees many watches come and go: nothing is to be left of one.
    watch.close = () => {
      signal.removeEventListener("abort", end);
      forgotten();
      close();
    };
    signal.addEventListener("abort", end, { once: true });
    watch.on("status", () => this.link.render());
    watch.on("change", ({ reset, transactions }) => reset || this._renamed(transactions));
    return watch;
  }

  async _settled(answer) {
    if (!answer?.transaction) return;
    await this.client.seen(answer.transaction, { timeout: SETTLE }).catch(() => {});
  }

  _focus(root) {
    const heading = root.querySelector("h1") ?? el("main");
    if (root.contains(document.activeElement)) return;
    heading.tabIndex = -1;
    heading.focus({ preventScroll: true });
  }

  _nowhere(root) {
    this._title(SAY.noPage);
    root.replaceChildren(
      h("div", { class: "empty" }, icon("stopped"), h("h1", {}, SAY.noPage), h("p", { class: "quiet" }, SAY.noPageMore),
        h("a", { class: "button", href: "#/day" }, SAY.toDay)),
    );
  }

  _failed(root, error, signal) {
    const again = () => ((this.shown = undefined), this.route());
    root.replaceChildren(
      h("div", { class: "empty", role: "alert" }, icon("stopped"), h("h1", {}, SAY.pageFailed), h("p", { class: "quiet" }, this._lost(error, again, signal)),
        h("button", { type: "button", class: "button", onclick: again }, SAY.tryAgain)),
    );
  }

  /**
   * Something could not be shown; → why, in words. Where a file is missing that is tried `again()` when the
   * hub is back; if the hub has answered with another release, the page is loaded anew. Never for less:
   * offline, a page that is loaded anew is none.
   */
  _lost(error, again, signal) {
    if (!(error instanceof TypeError && /import|module/i.test(error.message))) {
      console.error(error);
      return error.message;
    }
    this.link.on((link) => link.live && again(), signal);
    upgraded().then((other) => {
      if (!other) return;
      toast(SAY.newRelease, { sign: "rescheduling" });
      setTimeout(() => location.reload(), 1500);
    });
    return SAY.unreachable;
  }

  // ── the head ────────────────────────────────────────────────────────────────────────────────

  /** Name and role as they are today, not as they were at sign-in. */
  _welcome(principal) {
    const other = this.me.role !== null && this.me.role !== principal.role;
    const { id, role, name } = principal;
    Object.assign(this.me, { id, role, name: name ?? this.me.name });
    remember({ id, role, name: this.me.name });
    this._person();
    if (other) {
      // A page is made for a role: not one that was opened as another.
      this.shown = undefined;
      this.route();
    }
    return this.me;
  }

  /** Who one is by the hub's own word, between two connections. */
  async _ask() {
    try {
      const { body } = await this.ctx.api.get("/me", {}, { signal: this.leaving.signal });
      this._welcome({ ...body, name: [body.first_name, body.last_name].filter(Boolean).join(" ") });
    } catch {
      // The next connection tells.
    }
  }

  /** A flight of one's own says what one is called today. */
  _renamed(transactions) {
    const { id, role } = this.me;
    for (const { row } of transactions.flatMap(({ items }) => items)) {
      for (const who of ["student", "instructor"]) {
        const name = row?.[`${who}_id`] === id && row[`${who}_name`];
        if (name && name !== this.me.name) this._welcome({ id, role, name });
      }
    }
  }

  _person() {
    this.head.person(this.me);
    this._menu();
  }

  _menu() {
    const { role } = this.me;
    const here = Object.entries(PAGES).filter(([, page]) => page.sign && (!page.roles || page.roles.includes(role)));
    this.head.menu(here, this.shown, this.notices);
  }

  _title(text) {
    this.head.title(text, this.notices);
  }

  _tick(now) {
    this.head.tick(now);
    this.link.render();
  }
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}

const sheets = new Map();

/** A style sheet of static/, loaded once; resolves when it holds. One that failed is tried anew when it is asked for. */
function style(path) {
  if (!sheets.has(path)) {
    sheets.set(path, new Promise((resolve, reject) => {
      const onerror = () => {
        link.remove();
        sheets.delete(path);
        reject(new TypeError(`Could not import ${path}`));
      };
      const link = h("link", { rel: "stylesheet", href: new URL(`../${path}`, import.meta.url).href, onload: resolve, onerror });
      document.head.append(link);
    }));
  }
  return sheets.get(path);
}

/** Whether the hub answers, with another release than this page's. */
async function upgraded() {
  try {
    const answer = await fetch("/", { cache: "no-cache", signal: AbortSignal.timeout(SETTLE) });
    const { content } = document.querySelector('meta[name="hub:release"]');
    return answer.ok && !(await answer.text()).includes(`name="hub:release" content="${content}"`);
  } catch {
    return false;
  }
}
