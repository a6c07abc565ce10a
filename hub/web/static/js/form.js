/**
 * Forms: labelled fields, and what the hub has against one said at that field.
 *
 *     const form = new Form({ save: "Save", submit: async (values) => …, fields: [
 *       field("start_time", "From", h("input", { … }), { read: (input) => input.value.trim() }),
 *     ] });
 *     dialog.append(form.element);
 *
 * `submit` throws Problem where it is refused: each error goes to the field its pointer names ("/start_time"),
 * the rest to the foot; the first field at fault gets the focus. Everything stays as it was typed.
 */
import { Problem } from "./api.js";
import { h, refocus, setAttribute, setText } from "./dom.js";
import { hear, toast } from "./toast.js";
import { SAY, clock, shortDate } from "./words.js";

let count = 0;

/** Moments in what the hub says are told by the reader's clock. */
const MOMENT = /\d{4}-\d\d-\d\dT[\d:.]+Z/g;

/** One field: `name` is the member of the body (its pointer without the slash), `input` its control. */
export function field(name, label, input, { hint = "", read = (one) => one.value } = {}) {
  const id = `field-${(count += 1)}`;
  input.id = id;
  setAttribute(input, "name", name);
  const fault = h("p", { class: "fault", id: `${id}-fault` });
  const told = hint ? h("p", { class: "hint quiet", id: `${id}-hint` }, hint) : null;
  setAttribute(input, "aria-describedby", [told?.id, fault.id].filter(Boolean).join(" "));
  const box = input.type === "checkbox";
  const words = box ? h("label", { class: "check" }, input, h("span", {}, label)) : h("label", { for: id }, label);
  const element = h("div", { class: "field", "data-field": name }, words, box ? null : input, told, fault);
  return {
    name,
    input,
    element,
    read: () => (box ? input.checked : read(input)),
    fault(text) {
      setText(fault, text);
      setAttribute(input, "aria-invalid", text ? "true" : null);
    },
  };
}

/** A <select> of [value, word]. */
export const select = (options, value) =>
  h("select", {}, options.map(([one, word]) => h("option", { value: one, selected: String(one) === String(value) }, word)));

export class Form {
  /** `fields` may hold plain elements too; `extra` are buttons that stand left of the first. */
  constructor({ fields, submit, save = SAY.save, cancel = null, extra = [], name = null }) {
    this.fields = fields.filter((one) => one.read);
    this._submit = submit;
    this._fault = h("p", { class: "form-fault", role: "alert" });
    this.button = h("button", { type: "submit", class: "button is-first", "data-edit": true }, save);
    this.element = h("form", { class: "form", novalidate: true, "aria-label": name },
      fields.map((one) => one.element ?? one),
      this._fault,
      h("div", { class: "dialog-foot" }, extra, cancel ? h("button", { type: "button", class: "button", onclick: cancel }, SAY.no) : null, this.button));
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      this.send();
    });
    for (const one of this.fields) one.input.addEventListener("input", () => one.fault(""));
  }

  /** The same object as long as nothing is changed: sent twice, it is one request (`Api.post`). */
  get values() {
    const values = Object.fromEntries(this.fields.map((one) => [one.name, one.read()]));
    if (JSON.stringify(values) !== JSON.stringify(this._values)) this._values = values;
    return this._values;
  }

  /** Do `work`, busy meanwhile; what is refused is said here. Resolves with whether it was done. */
  async send(work = () => this._submit(this.values)) {
    if (this._busy) return false;
    this._busy = true;
    setAttribute(this.button, "aria-busy", "true");
    for (const one of this.fields) one.fault("");
    setText(this._fault, "");
    try {
      await work();
      return true;
    } catch (error) {
      this.refuse(error);
      return false;
    } finally {
      this._busy = false;
      setAttribute(this.button, "aria-busy", null);
    }
  }

  refuse(error) {
    const rest = [];
    let first = null;
    for (const { pointer = "", detail: told } of error instanceof Problem ? error.errors : []) {
      const said = told.replace(MOMENT, (at) => `${shortDate(Date.parse(at))}, ${clock(Date.parse(at))}`);
      const one = this.fields.find((field) => pointer === `/${field.name}` || pointer.startsWith(`/${field.name}/`));
      // Of what was left empty no rule but that one is of interest.
      const detail = one?.input.type !== "checkbox" && one?.input.value === "" ? SAY.needed : said;
      if (!one) rest.push(said.endsWith(".") ? said : `${SAY.member(pointer.slice(1))} ${said}.`);
      else {
        one.fault(detail.endsWith(".") ? detail : SAY.fault(detail));
        first ??= one;
      }
    }
    if (!first) rest.unshift(error.status === 412 ? SAY.changedMeanwhile : error.message);
    setText(this._fault, rest.join(" "));
    // Closed meanwhile: nobody would read it there. What was broken off with its page failed nobody.
    if (!this.element.isConnected && error.name !== "AbortError") toast(error.status === 412 ? SAY.changedMeanwhile : error.message, { kind: "bad" });
    first?.input.focus();
  }
}

/** Show an element in a dialog of its own, until it is closed; → close(). */
export function dialog(title, element, { onclose = () => {} } = {}) {
  const id = `dialog-${(count += 1)}`;
  const box = h("dialog", { class: "dialog", "aria-labelledby": id }, h("h2", { id }, title), element);
  // The browser's Back leads to another page, which is not to lie under a question of this one.
  const leave = () => box.close();
  addEventListener("hashchange", leave);
  box.addEventListener("close", () => {
    removeEventListener("hashchange", leave);
    box.remove();
    // The browser gives the focus back to what opened it; that may be what was removed here.
    refocus(document.querySelector("#main h1"));
    onclose();
  });
  document.getElementById("app").append(box);
  box.showModal();
  hear(box);
  return () => box.close();
}
