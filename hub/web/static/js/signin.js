/**
 * Signing in with the school's identity provider: a provider as `session.js` describes it.
 */
import { SAY } from "./words.js";

export const restore = () => null;

export function enter(door) {
  door.note(SAY.providerSignIn);
  return new Promise(() => {});
}
