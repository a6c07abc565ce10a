/**
 * The card of one flight, kept up to date while it is open.
 */
import { flash, h, icon, setAttribute, setIcon, setText } from "./dom.js";
import { SAY, TRAINING, clock, date, duration, shortDate, statusOf, tail, weekday, zone, zulu } from "./words.js";
import { DAY, FACT } from "./words/day.js";

const MARGIN = 12;

export class FlightCard {
  /** `onedit(row)` is asked for when somebody who may wants to change it. */
  constructor(root, ctx, onedit) {
    this._role = ctx.me.role;
    const card = h("div", { class: "card-pop flight-card", popover: true, tabindex: "-1", role: "dialog", "aria-label": SAY.flight });
    this._card = card;
    root.append(card);
    this.key = null;
    this._sign = icon("confirmed");
    this._word = h("span");
    this._pill = h("span", { class: "pill" }, this._sign, this._word);
    this._from = h("b");
    this._to = h("b");
    this._time = h("span", { class: "card-time" });
    this._zulu = h("span", { class: "quiet" });
    this._note = h("p", { class: "card-note" });
    this._facts = Object.fromEntries(Object.keys(FACT).map((name) => [name, h("dd")]));
    this._edit = h("button", { type: "button", class: "button card-answer", "data-edit": true }, icon("edit"), SAY.editIt);
    this._edit.addEventListener("click", () => {
      const row = this._row;
      card.hidePopover();
      onedit(row);
    });
    this._answer = h("a", { class: "button is-first card-answer" }, icon("rescheduling"), h("span"));
    const facts = h("dl", {}, Object.entries(this._facts).map(([name, value]) => h("div", {}, h("dt", {}, FACT[name]), value)));
    const close = h("button", { type: "button", class: "step", onclick: () => card.hidePopover() }, icon("close"), h("span", { class: "unseen" }, SAY.close));
    card.replaceChildren(
      h("div", { class: "card-head" }, this._pill, close),
      h("p", { class: "card-route" }, this._from, h("span", { class: "way", "aria-hidden": "true" }, icon("confirmed")), this._to),
      h("p", {}, this._time, " ", this._zulu),
      this._note,
      facts,
      this._answer,
      this._edit,
    );
    card.addEventListener("toggle", (event) => {
      if (event.newState === "closed") this.key = null;
    });
  }

  open(key, row, anchor) {
    this.key = key;
    const card = this._card;
    this.update(row);
    card.showPopover();
    card.focus({ preventScroll: true });
    this._place(anchor);
  }

  close() {
    if (this.key !== null) this._card.hidePopover();
  }

  update(row, change = null) {
    const card = this._card;
    const start = Date.parse(row.scheduled_datetime);
    const end = start + row.duration_minutes * 60_000;
    setAttribute(this._pill, "data-status", row.status);
    setAttribute(card, "data-status", row.status);
    setIcon(this._sign, statusOf(row).icon);
    setText(this._word, statusOf(row).word);
    setText(this._from, row.departure_airport);
    setText(this._to, row.arrival_airport);
    setText(this._time, `${weekday(start)}, ${date(start)}, ${clock(start)}–${clock(end)} ${zone(start)}`);
    setText(this._zulu, `${zulu(start)}–${zulu(end)}`);
    setText(this._facts.aircraft, tail(row));
    setText(this._facts.student, row.student_name);
    setText(this._facts.instructor, row.instructor_name);
    setText(this._facts.duration, duration(row.duration_minutes));
    setText(this._facts.training, TRAINING[row.training_level]);
    const changed = Date.parse(row.updated_at);
    setText(this._facts.changed, `${shortDate(changed)}, ${clock(changed)}`);
    const moved = row.rescheduled_to_datetime && Date.parse(row.rescheduled_to_datetime);
    this._note.hidden = !moved && !row.original_booking_id;
    setText(this._note, moved ? DAY.movedTo(`${shortDate(moved)}, ${clock(moved)}`) : DAY.successor);
    this._row = row;
    this._edit.hidden = this._role === "STUDENT" || row.status === "CANCELLED" || row.status === "COMPLETED";
    this._answer.hidden = row.status !== "RESCHEDULING";
    setAttribute(this._answer, "href", `#/reschedule/${row.id}`);
    setText(this._answer.lastElementChild, SAY.newTimes);
    if (change) flash(this._pill, change);
  }

  /** Beside what was pressed, inside the window; on a phone the style sheet makes it a sheet. */
  _place(anchor) {
    const card = this._card;
    card.style.removeProperty("left");
    card.style.removeProperty("top");
    if (matchMedia("(max-width: 639px)").matches) return;
    const at = anchor.getBoundingClientRect();
    const { offsetWidth: width, offsetHeight: height } = card;
    const most = document.documentElement.clientWidth - width - MARGIN;
    const below = at.bottom + 8 + height < innerHeight - MARGIN;
    const top = below ? at.bottom + 8 : Math.max(MARGIN, at.top - height - 8);
    card.style.left = `${Math.max(MARGIN, Math.min(at.left, most))}px`;
    card.style.top = `${top}px`;
  }
}
