/**
 * Listeners by name. A listener that throws is reported and harms nobody else.
 */
export class Listeners {
  #sets = new Map();

  /** @returns a function that undoes it */
  on(name, fn) {
    if (!this.#sets.has(name)) this.#sets.set(name, new Set());
    const one = { fn }; // the same function twice is two listeners, each with its own undo
    this.#sets.get(name).add(one);
    return () => void this.#sets.get(name).delete(one);
  }

  emit(name, value) {
    for (const { fn } of [...(this.#sets.get(name) ?? [])]) call(fn, value);
  }
}

/** Call what somebody else wrote. */
export function call(fn, value) {
  try {
    fn(value);
  } catch (error) {
    if (globalThis.reportError) globalThis.reportError(error);
    else console.error(error);
  }
}
