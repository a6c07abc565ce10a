/**
 * The story of what just changed: the last few changes of the day in view, the newest first.
 */
import { clear, flash, h, icon, keyed } from "./dom.js";
import { SAY, STATUS, clock, clockSeconds, happened, tail } from "./words.js";

const LINES = 6;
const section = document.getElementById("story");
const list = document.getElementById("story-list");

export class Story {
  constructor() {
    this._count = 0;
    this.clear();
  }

  /** Another day has another story. */
  clear() {
    this._lines = [];
    clear(list);
    section.hidden = true;
  }

  /** Add what an update of the bookings did; `now` stands in where the hub told no time. */
  tell(update, now) {
    const lines = [];
    for (const [key, change] of update.upserts) {
      if (change.before && change.changed.every((name) => name === "updated_at")) continue;
      lines.push({ key, row: change.row, at: change.at, words: happened(change) });
    }
    for (const [key, { row, at }] of update.removes) lines.push({ key, row, at, words: [SAY.gone] });
    if (lines.length === 0) return;
    for (const line of lines) {
      line.id = (this._count += 1);
      line.at = line.at ? Date.parse(line.at) : now;
    }
    this._lines = [...lines.reverse(), ...this._lines].slice(0, LINES);
    section.hidden = false;
    keyed(list, this._lines, (line) => line.id, (line) => this._line(line), () => {});
  }

  _line({ row, words, at }) {
    const what = words.length === 2 ? `${words[0]} → ${words[1]}` : words[0];
    const item = h("li", {},
      h("time", { class: "quiet" }, clockSeconds(at)),
      h("span", { class: "story-flight" }, `${clock(Date.parse(row.scheduled_datetime))} ${tail(row)}`),
      h("span", { class: "story-what", "data-status": row.status }, icon(STATUS[row.status].icon), what),
    );
    flash(item, "is-new");
    return item;
  }
}
