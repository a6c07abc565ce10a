/**
 * The head of every page: the menu with its counts, the clocks, who is signed in, the document's title.
 */
import { schoolZone } from "./clock.js";
import { h, icon, keyed, setAttribute, setText } from "./dom.js";
import { PAGE, ROLE, SAY, clock, initials, zone, zoneOf, zulu } from "./words.js";

const el = (id) => document.getElementById(id);

export class Head {
  constructor() {
    this._titled = "";
    this._school = schoolZone();
  }

  person({ name, role, email }) {
    setText(el("me-initials"), initials(name));
    setAttribute(el("me-initials"), "data-role", role);
    for (const id of ["me-name", "me-card-name"]) setText(el(id), name);
    for (const id of ["me-role", "me-card-role"]) setText(el(id), ROLE[role] ?? "");
    setText(el("me-card-email"), email ?? "");
  }

  /** `pages` are [name, {sign}] in order, `shown` the one that is, `notices` counts what waits (or is not there yet). */
  menu(pages, shown, notices) {
    keyed(el("nav-list"), pages, ([name]) => name, ([name, page]) => {
      const badge = h("span", { class: "badge", "aria-hidden": "true", hidden: true });
      const said = h("span", { class: "unseen" });
      const link = h("a", { href: `#/${name}` }, icon(page.sign), h("span", { class: "nav-word" }, PAGE[name]), badge, said);
      return Object.assign(h("li", {}, link), { parts: { link, badge, said } });
    }, ({ parts: { link, badge, said } }, [name]) => {
      setAttribute(link, "aria-current", shown === name ? "page" : null);
      const count = notices?.count(name) ?? 0;
      badge.hidden = count === 0;
      setText(badge, count > 99 ? "99+" : String(count));
      setText(said, count ? ` ${notices.says(name, count)}` : "");
    });
    this.title(this._titled, notices);
  }

  /** The document's: how much is unread, and where one is. */
  title(text, notices) {
    this._titled = text;
    const unread = notices?.count("notifications") ?? 0;
    document.title = [unread ? `(${unread}) ` : "", text ? `${text} · ` : "", SAY.app].join("");
  }

  /** The reader's clock and Zulu; the school's as well where it is another, as weekly hours and the kiosks go by it. */
  tick(now) {
    if (clock(now) === el("clock-local").textContent) return;
    setText(el("clock-local"), clock(now));
    setText(el("clock-zone"), zone(now));
    setText(el("clock-zulu"), zulu(now));
    const there = this._school && clock(now, this._school);
    el("clock-school").hidden = !there || there === clock(now);
    if (there) setText(el("clock-school"), `${SAY.school} ${there} ${zoneOf(this._school, now)}`);
  }
}
