/**
 * A cursor is a PostgreSQL snapshot behind the name of its history: `EPOCH.xmin:xmax:xip`.
 *
 * Pure. Transactions below `xmin` are visible, from `xmax` on they are not, and in between unless
 * listed (PostgreSQL manual, 9.27.7). Ids are 64 bits wide, hence BigInt.
 */
const CURSOR = /^[0-9a-z]{1,32}\.(\d{1,20}):(\d{1,20}):((?:\d{1,20}(?:,\d{1,20})*)?)$/;

/** Whether a transaction had ended when the cursor was taken. False for what is no cursor. */
export function visible(transaction, cursor) {
  const found = CURSOR.exec(cursor ?? "");
  if (!found) return false;
  const xid = BigInt(transaction);
  if (xid < BigInt(found[1])) return true;
  return xid < BigInt(found[2]) && !found[3].split(",").includes(String(xid));
}
