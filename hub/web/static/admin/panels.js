/**
 * The admin's panels, in the order of their menu: [{name, word, sign}].
 *
 * `#/admin/NAME` mounts `./NAME.js` (see js/shell.js for what a page's module is); `word` is what the menu
 * says, `sign` an icon of index.html. What is not in this list is not to be reached.
 */
import { MENU } from "./words.js";

export const PANELS = [
  { name: "bookings", word: MENU.bookings, sign: "list" },
  { name: "escalations", word: MENU.escalations, sign: "flag" },
  { name: "users", word: MENU.users, sign: "people" },
  { name: "devices", word: MENU.devices, sign: "device" },
  { name: "keys", word: MENU.keys, sign: "key" },
  { name: "audit", word: MENU.audit, sign: "trail" },
  { name: "online", word: MENU.online, sign: "live" },
  { name: "explain", word: MENU.explain, sign: "ask" },
];
