/**
 * What is said of a ranking that was made and not sent. en-US.
 */
export const RANKING = {
  unsent: "Not sent yet",
  restored: "Not sent yet: this is the order you made before. Look at it, then send it.",
};
