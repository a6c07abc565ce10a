/**
 * The board as elements: a fixed number of rows that are written anew, so that a page which runs for
 * months holds as many nodes on its last day as on its first.
 *
 * Text only ever becomes text. Invariant: what is as it should be is not touched.
 */
import { arranged, paged } from "./flights.js";
import { SETTINGS } from "./settings.js";
import { SAY, STATUS, clock, day, moment, until, weekday } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const by = (id) => document.getElementById(id);

export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function setFlag(element, name, value) {
  if (value === null || value === false) delete element.dataset[name];
  else if (element.dataset[name] !== String(value)) element.dataset[name] = value;
}

export class Board {
  #time;
  #rows = new Map();
  #slots = [];
  #body = by("rows");
  #dots = by("dots");
  #at = 0;
  #pages = [[]];
  #turnAt = Infinity;
  #drawing = false;
  #stale = false;

  constructor(time) {
    this.#time = time;
    for (const cell of document.querySelectorAll("[data-column]")) setText(cell, SAY.columns[cell.dataset.column]);
    setText(by("title"), SAY.title);
    setText(by("next-label"), SAY.next);
    setText(by("legend-wx"), SAY.weather);
    setText(by("legend-word"), SAY.weatherMore);
    new ResizeObserver(() => this.#measure()).observe(this.#body);
    time.minute(() => this.draw());
    time.second(() => performance.now() >= this.#turnAt && this.#turn());
  }

  /** Show these rows; `known` is false while there never were any; `stale` when they may be wrong. */
  show(rows, { known, stale, changed }) {
    this.#rows = rows;
    this.#stale = stale;
    by("empty").hidden = !known || rows.size > 0;
    setText(by("empty-title"), stale ? SAY.emptyStale : SAY.empty);
    setText(by("empty-more"), stale ? SAY.staleMore : SAY.emptyMore);
    this.draw(changed);
  }

  /** Once a frame, however much happens between two. */
  draw(changed = null) {
    if (changed) for (const slot of this.#slots) slot.isNews ||= changed.has(slot.id);
    if (this.#drawing) return;
    this.#drawing = true;
    // Not by the frame alone: a screen that is switched off gives none, and is right when it is on.
    const draw = () => {
      clearTimeout(timer);
      cancelAnimationFrame(frame);
      this.#draw();
    };
    const timer = setTimeout(draw, 250);
    const frame = requestAnimationFrame(draw);
  }

  #draw(turned = false) {
    if (!this.#drawing && !turned) return;
    this.#drawing = false;
    const now = this.#time.now();
    const arrangement = arranged(this.#rows.values(), now);
    this.#pages = paged(arrangement, this.#slots.length);
    this.#at = Math.min(this.#at, this.#pages.length - 1);
    const { next } = arrangement;
    const page = this.#pages[this.#at];
    for (const [place, slot] of this.#slots.entries()) slot.show(page[place], { now, next });
    this.#drawDots();
    by("next").hidden = this.#rows.size === 0;
    setText(by("next-time"), next ? clock(Date.parse(next.departs)) : SAY.noNext);
    setText(by("next-in"), next ? until(Date.parse(next.departs) - now) : "");
    if (this.#pages.length < 2) this.#turnAt = Infinity;
    else if (this.#turnAt === Infinity) this.#turnAt = performance.now() + SETTINGS.page;
  }

  #turn() {
    this.#turnAt = performance.now() + SETTINGS.page;
    this.#at = (this.#at + 1) % this.#pages.length;
    this.#draw(true);
    if (calm.matches) return;
    for (const [place, slot] of this.#slots.entries()) if (slot.isOther) slot.flip(place);
  }

  #drawDots() {
    const count = this.#pages.length;
    this.#dots.hidden = count < 2;
    while (this.#dots.childElementCount > count) this.#dots.lastElementChild.remove();
    while (this.#dots.childElementCount < count) this.#dots.append(document.createElement("span"));
    for (const [place, dot] of [...this.#dots.children].entries()) setFlag(dot, "here", place === this.#at);
    const label = SAY.page(this.#at + 1, count);
    if (this.#dots.getAttribute("aria-label") !== label) this.#dots.setAttribute("aria-label", label);
  }

  /** As many rows as there is room for. */
  #measure() {
    const least = parseFloat(getComputedStyle(this.#body).getPropertyValue("font-size"));
    const row = least * parseFloat(getComputedStyle(this.#body).getPropertyValue("--row-em"));
    const count = Math.max(2, Math.min(60, Math.floor(this.#body.clientHeight / row)));
    if (count === this.#slots.length) return;
    while (this.#slots.length > count) this.#slots.pop().element.remove();
    while (this.#slots.length < count) {
      const slot = new Slot();
      this.#slots.push(slot);
      this.#body.append(slot.element);
    }
    this.#body.style.setProperty("--rows", count);
    this.draw();
  }
}

/** One row of the board, whatever flight it shows just now. */
class Slot {
  id = null;
  /** Whether its flight changed since it was drawn. */
  isNews = false;
  /** Whether it shows another flight than before. */
  isOther = false;
  #said = null;

  constructor() {
    this.element = make("div", { role: "row", class: "row" });
    this.cells = {};
    for (const name of ["time", "tail", "route", "pilot", "instructor", "wx", "status"]) {
      this.cells[name] = make("div", { role: "cell", class: name });
      this.element.append(this.cells[name]);
    }
    this.day = make("span", { class: "day" });
    this.clock = make("span", { class: "clock" });
    this.cells.time.append(this.day, this.clock);
    this.from = make("span");
    this.arrow = symbol("arrow", "arrow");
    this.to = make("span");
    this.cells.route.append(this.from, this.arrow, this.to);
    this.wx = make("span", { class: "chip" });
    this.cells.wx.append(this.wx);
    this.icon = symbol("confirmed", "icon");
    this.word = make("span", { class: "word" });
    this.said = make("small");
    this.told = make("span");
    this.word.append(this.said, this.told);
    this.cells.status.append(this.icon, this.word);
    this.heading = make("div", { role: "cell", class: "heading" });
    this.element.append(this.heading);
  }

  show(slot, { now, next }) {
    const { row } = slot ?? {};
    const id = row?.id ?? (slot ? "heading" : null);
    this.isOther = id !== this.id;
    const isNews = this.isNews && !this.isOther && row;
    this.isNews = false;
    this.id = id;
    const { element } = this;
    element.hidden = !slot;
    if (!slot) {
      delete element.dataset.key;
      this.#said = null;
      return;
    }
    setFlag(element, "kind", row ? "flight" : "heading");
    setFlag(element, "key", row ? row.id : null);
    setFlag(element, "phase", row ? slot.phase : "over");
    setFlag(element, "next", row !== undefined && row === next);
    if (!row) {
      setFlag(element, "status", null);
      setText(this.heading, SAY.earlier(slot.over));
      return;
    }
    this.#write(row, now);
    const says = JSON.stringify(row);
    if (isNews && says !== this.#said) this.#glow();
    this.#said = says;
  }

  #write(row, now) {
    const departs = Date.parse(row.departs);
    const isLocal = row.from === row.to;
    const { word, icon } = STATUS[row.status];
    setFlag(this.element, "status", row.status);
    setText(this.heading, "");
    setText(this.day, day(departs) === day(now) ? "" : weekday(departs));
    setText(this.clock, clock(departs));
    setText(this.cells.tail, row.tail ?? SAY.noAircraft);
    setText(this.from, row.from);
    setText(this.to, isLocal ? SAY.local : row.to);
    this.arrow.toggleAttribute("hidden", isLocal);
    setText(this.cells.pilot, row.pilot);
    setText(this.cells.instructor, row.instructor);
    // The hub says that the weather is in this flight's way, and not what the weather is.
    setText(this.wx, row.status === "AT_RISK" ? SAY.weather : "");
    setSymbol(this.icon, icon);
    const moved = row.status === "CANCELLED" && row.rescheduled_to ? Date.parse(row.rescheduled_to) : null;
    setText(this.said, moved === null ? "" : SAY.movedTo);
    setText(this.told, moved === null ? word : moment(moved, now));
  }

  /** The eye finds what changed. Once, slowly: a glow is no flash. */
  #glow() {
    if (calm.matches) return;
    this.element.animate([{ filter: "brightness(1.9)" }, { filter: "none" }], { duration: 2500, easing: "ease-out" });
  }

  flip(place) {
    const from = { opacity: 0, transform: "rotateX(-80deg)" };
    const to = { opacity: 1, transform: "none" };
    const how = { duration: 380, delay: place * 35, easing: "cubic-bezier(.2,.7,.2,1)", fill: "backwards" };
    this.element.animate([from, to], how);
  }
}

function make(tag, attributes = {}) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

function symbol(name, kind) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", kind);
  svg.setAttribute("aria-hidden", "true");
  svg.append(document.createElementNS(SVG, "use"));
  setSymbol(svg, name);
  return svg;
}

export function setSymbol(svg, name) {
  const use = svg.firstElementChild;
  if (use.getAttribute("href") !== `#k-${name}`) use.setAttribute("href", `#k-${name}`);
}
