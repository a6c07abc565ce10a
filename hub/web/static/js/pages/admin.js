/**
 * The admin's page: a menu of panels (admin/panels.js), and the one that is chosen. Panels are mounted as
 * pages are (shell.js); their `params` are what follows the panel's name.
 */
import { PANELS } from "../../admin/panels.js";
import { W } from "../../admin/words.js";
import { h, icon, setAttribute } from "../dom.js";
import { PAGE, SAY } from "../words.js";

export async function mount(root, ctx) {
  let shown = null;
  const links = new Map(
    PANELS.map(({ name, word, sign }) => [name, h("a", { href: `#/admin/${name}` }, icon(sign), h("span", {}, word))]),
  );
  const outlet = h("div", { class: "panel" });
  root.append(
    h("nav", { class: "panels", "aria-label": SAY.panels }, h("ul", {}, [...links.values()].map((link) => h("li", {}, link)))),
    outlet,
  );

  async function update([name = PANELS[0].name, ...params]) {
    if (shown && shown.name === name && shown.made?.update) {
      shown.made.update(params);
      return;
    }
    const first = shown === null;
    leave();
    for (const [one, link] of links) {
      setAttribute(link, "aria-current", one === name ? "page" : null);
      if (one === name) link.scrollIntoView({ block: "nearest", inline: "center" });
    }
    const place = h("div");
    outlet.replaceChildren(place);
    const panel = PANELS.find((one) => one.name === name);
    ctx.title(panel?.word ?? PAGE.admin);
    if (!panel) {
      place.append(h("div", { class: "empty" }, icon("tower"), h("h1", {}, SAY.noPage), h("p", { class: "quiet" }, SAY.noPageMore)));
      return;
    }
    const leaving = new AbortController();
    shown = { name, leaving, made: null };
    const { signal } = leaving;
    try {
      const module = await import(`../../admin/${name}.js`);
      if (signal.aborted) return;
      const watch = (...what) => {
        const made = ctx.watch(...what);
        const close = made.close.bind(made);
        const end = () => made.close();
        made.close = () => {
          signal.removeEventListener("abort", end);
          close();
        };
        signal.addEventListener("abort", end, { once: true });
        return made;
      };
      const made = await module.mount(place, { ...ctx, params, signal, watch });
      if (signal.aborted) made?.unmount?.();
      else shown.made = made;
    } catch (error) {
      if (!signal.aborted) failed(place, error, name, params);
    }
    if (!first) focus(place);
  }

  /** Where the focus is in the menu it stays there; where it went with the panel before, the new one has it. */
  function focus(place) {
    const heading = place.querySelector("h1");
    if (!heading || ![document.body, null].includes(document.activeElement)) return;
    heading.tabIndex = -1;
    heading.focus({ preventScroll: true });
  }

  function failed(place, error, name, params) {
    const again = () => shown?.name === name && ((shown.name = null), update([name, ...params]));
    place.replaceChildren(
      h("div", { class: "empty", role: "alert" }, icon("stopped"), h("h1", {}, W.pageFailed), h("p", { class: "quiet" }, ctx.lost(error, again)),
        h("button", { type: "button", class: "button", onclick: again }, SAY.tryAgain)),
    );
  }

  function leave() {
    shown?.leaving.abort();
    shown?.made?.unmount?.();
    shown = null;
  }

  await update(ctx.params);
  return { update, unmount: leave };
}
