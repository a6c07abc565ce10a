/**
 * SocketLine: one WebSocket to the hub, from the handshake to its end.
 *
 * A line is used once. It says `hello`, answers pings and counts: a ping says how many `change`
 * frames were sent, and where fewer arrived the line gives itself up. Invariant: after `close()` or
 * `lost` nothing more is heard of it.
 */
import { MISCOUNT } from "./backoff.js";

export class SocketLine {
  #socket;
  #on;
  #bye = null;
  #opened = false;
  #received = 0;

  /** @param on {frame(frame), lost({code, reason, retryAfter, opened})} */
  constructor(base, token, on) {
    this.#on = on;
    const socket = (this.#socket = new WebSocket(base.replace(/^http/, "ws") + "/api/v1/ws", "hub.v1"));
    socket.onopen = () => {
      this.#opened = true;
      /** When the hub was asked for its time, by `performance.now()`. */
      this.askedAt = performance.now();
      this.send({ type: "hello", token });
    };
    socket.onmessage = (event) => this.#frame(JSON.parse(event.data));
    socket.onclose = (event) => this.#lost(event.code, event.reason);
  }

  send(message) {
    if (this.#socket?.readyState === 1) this.#socket.send(JSON.stringify(message));
  }

  /** Another token for the same principal, in place. */
  renew(token) {
    this.send({ type: "auth", token });
  }

  close() {
    const socket = this.#socket;
    this.#socket = this.#on = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  #frame(frame) {
    if (frame.type === "change") this.#received += 1;
    if (frame.type === "bye") this.#bye = frame;
    if (frame.type === "ping") {
      this.send({ type: "pong" });
      if (frame.sent !== this.#received) {
        console.warn(`hub: ${frame.sent} changes were sent, ${this.#received} arrived: resuming`);
        this.#lost(MISCOUNT, "changes were lost on the way");
        return;
      }
    }
    this.#on.frame(frame);
    // What comes after a goodbye is only the close: no need to wait for it.
    if (this.#bye) this.#lost(frame.code, frame.reason);
  }

  #lost(code, reason) {
    const on = this.#on;
    if (!on) return;
    const retryAfter = this.#bye?.retry_after;
    this.close();
    on.lost({ code: this.#bye?.code ?? code, reason: reason ?? "", retryAfter, opened: this.#opened });
  }
}
