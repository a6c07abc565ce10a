/**
 * What is said at the door of a browser that will not do. en-US.
 */
export const DOOR = {
  keepsNothing: "This browser keeps no data for this site, and signing in needs some on the way. Allow it in the browser’s settings, then try again.",
};
