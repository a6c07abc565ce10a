/**
 * Watch: a page's hold on a collection, with its own listeners and its own end.
 *
 * Several watches may show one collection. Invariant: a watch is told of a change only after every
 * collection that the frame concerned has taken it over.
 */
import { Listeners, call } from "./listeners.js";

/** Changes kept for an iterator that does not read; beyond, they become one "look at `rows`". */
const MOST_UNREAD = 1000;

export class Watch {
  #collection;
  #release;
  #listeners = new Listeners();
  #iterators = new Set();
  #settle;
  #closed = false;

  constructor(collection, release) {
    this.#collection = collection;
    this.#release = release;
    this.onchange = null;
    this.ready = new Promise((resolve, reject) => (this.#settle = { resolve, reject }));
    this.ready.catch(() => {}); // whoever does not ask need not know
    if (collection.following) this.#settle.resolve();
    const error = this.#refusal;
    if (error) this.#settle.reject(error);
  }

  /** Why the collection has failed, if it has; it may have before there was this watch. */
  get #refusal() {
    const { error } = this.#collection;
    if (!error || error.temporary) return null;
    return Object.assign(new Error(error.message), { code: error.code });
  }

  get topic() {
    return this.#collection.topic;
  }
  get filter() {
    return this.#collection.filter;
  }
  get rows() {
    return this.#collection.rows;
  }
  get cursor() {
    return this.#collection.cursor;
  }
  get status() {
    return this.#collection.status;
  }
  get error() {
    return this.#collection.error;
  }

  on(name, fn) {
    return this.#listeners.on(name, fn);
  }

  close() {
    if (this.#closed) return;
    this.#closed = true;
    this.#release(this);
    this.#settle.reject(new Error("the watch was closed"));
    for (const one of this.#iterators) one.end();
  }

  /** Called by the client. */
  changed(change) {
    if (this.#closed) return;
    for (const one of this.#iterators) one.push(change);
    if (this.onchange) call(this.onchange, change);
    this.#listeners.emit("change", change);
  }

  /** Called by the client. */
  became(status) {
    if (this.#closed) return;
    if (this.#collection.following) this.#settle.resolve();
    if (status === "failed") {
      const error = this.#refusal;
      this.#settle.reject(error);
      for (const one of this.#iterators) one.end(error);
    }
    this.#listeners.emit("status", status);
  }

  [Symbol.asyncIterator]() {
    const iterator = new Changes(() => this.#iterators.delete(iterator));
    const error = this.#refusal;
    if (this.#closed) iterator.end();
    else if (error) iterator.end(error);
    else this.#iterators.add(iterator);
    return iterator;
  }
}

/** One reader's queue of changes. */
class Changes {
  #unread = [];
  #waiting = [];
  #over = null;
  #left;

  constructor(left) {
    this.#left = left;
  }

  push(change) {
    const next = this.#waiting.shift();
    if (next) next.resolve({ value: change, done: false });
    else if (this.#unread.length < MOST_UNREAD) this.#unread.push(change);
    else this.#unread = [{ reset: true, transactions: [] }];
  }

  end(error = null) {
    this.#left();
    this.#over ??= { error };
    for (const next of this.#waiting.splice(0)) {
      if (error) next.reject(error);
      else next.resolve({ value: undefined, done: true });
    }
  }

  next() {
    if (this.#unread.length) return Promise.resolve({ value: this.#unread.shift(), done: false });
    if (!this.#over) return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
    const { error } = this.#over;
    this.#over = {};
    return error ? Promise.reject(error) : Promise.resolve({ value: undefined, done: true });
  }

  return() {
    this.#unread = [];
    this.end();
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator]() {
    return this;
  }
}
