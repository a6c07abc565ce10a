/**
 * What is said of a notification that asks for nothing any more. en-US.
 */
export const NOTICED = {
  settled: "Settled",
};
