/**
 * The admin's panels, in the order of their menu: [{name, word, sign}].
 *
 * `#/admin/NAME` mounts `./NAME.js` (see js/shell.js for what a page's module is); `word` is what the menu
 * says, `sign` an icon of index.html. What is not in this list is not to be reached.
 */
export const PANELS = [];
