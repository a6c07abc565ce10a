/**
 * Loading the page anew: each night, when the hub has another page, when an admin asks for it.
 *
 * Invariants: nothing is loaded anew unless the hub has just answered with a page and its first
 * module; however many reasons there are, two loads have a gap between them, also across them.
 */
import { SETTINGS } from "./settings.js";
import { hour } from "./words.js";
import { keep, recall } from "./memory.js";

const LOOK = 5 * 60_000; // how often it looks for another page
const AGAIN = 60_000; // when the hub did not answer
const GAP = 10 * 60_000; // between two loads of its own accord
const ASKED_GAP = 10_000; // between two that an admin asked for
const PATIENCE = 10_000;
const YOUNG = 3600_000; // a page this young need not be loaded anew for the night

/** What is of this page's own making; another hub's page has others. */
const OWN = [...document.querySelectorAll('meta[name^="hub:"]')].map(({ name, content }) => `name="${name}" content="${content}"`);

export class Reloading {
  #time;
  #lookAt = 0;
  #asked = false;
  #busy = false;
  /** Spread over the hour: a school's screens do not all ask at once. */
  #minute = Math.floor(Math.random() * 50);
  #due = false;

  constructor(time) {
    this.#time = time;
    this.#lookAt = performance.now() + LOOK * (0.8 + Math.random() * 0.4);
    time.second(() => this.#look());
  }

  /** An admin asks for it. */
  ask() {
    this.#asked = true;
    this.#lookAt = 0;
  }

  /** The hub was away: perhaps it came back as another release. */
  suspect() {
    this.#lookAt = Math.min(this.#lookAt, performance.now() + 3_000 + Math.random() * 20_000);
  }

  /** Whether it is time for the nightly load; once it is, until it is done, however late that is. */
  #isDue() {
    const now = this.#time.now();
    const isHour = hour(now) === SETTINGS.reload && new Date(now).getUTCMinutes() >= this.#minute;
    return performance.now() > YOUNG && isHour;
  }

  async #look() {
    if (this.#busy) return;
    if (!this.#due && this.#isDue()) {
      this.#due = true;
      this.#lookAt = 0;
    }
    if (performance.now() < this.#lookAt) return;
    this.#busy = true;
    try {
      const page = await fetched();
      const wanted = this.#asked || this.#due || (page !== null && !OWN.every((one) => page.includes(one)));
      this.#lookAt = performance.now() + (page === null && wanted ? AGAIN : LOOK * (0.8 + Math.random() * 0.4));
      if (page !== null && wanted) this.#reload(this.#asked ? ASKED_GAP : GAP);
    } finally {
      this.#busy = false;
    }
  }

  #reload(gap) {
    const last = recall("loaded") ?? 0;
    const since = Date.now() - last;
    if (since >= 0 && since < gap) {
      this.#lookAt = performance.now() + gap - since;
      return;
    }
    keep("loaded", Date.now());
    location.reload();
  }
}

/** The page as the hub has it now, or null: whole, with the first of its modules. */
async function fetched() {
  try {
    const text = await answer("/kiosk", (one) => one.text());
    const first = /<script type="module" src="([^"]+)"/.exec(text)?.[1];
    if (!first) return null;
    await answer(first, () => null);
    return text;
  } catch {
    return null;
  }
}

async function answer(path, read) {
  const told = await fetch(path, { cache: "no-cache", signal: AbortSignal.timeout(PATIENCE) });
  if (!told.ok) throw new Error(`${told.status}`);
  return read(told);
}
