import type { Command } from 'ioredis';

/** How often a late answer is looked for within the time that a command has. */
const LOOKS = 10;

/**
 * Gives up on commands that are not answered within `timeoutMs`, or a tenth of it later. One timer watches all of them:
 * one for each would cost more than the command. ioredis has timeouts of its own, but with a timer for each.
 *
 * A busy event loop runs its timers late and reads its sockets later still, so one timer that fires says more about us than
 * about Redis: the command may have left just now, and the answer may lie in the socket. Hence several short looks, each
 * of them a turn in which sockets are read. Idle, they take `timeoutMs`; under load, as many turns.
 * @returns a function that watches one more command
 */
export function patience(timeoutMs: number): (command: Command) => void {
  // Oldest first, so only the first ones can be overdue.
  const watched: { readonly command: Command; readonly lastLook: number }[] = [];
  let looks = 0;
  let isLooking = false;
  let timer: NodeJS.Timeout | undefined;
  const giveUp = (command: Command) => {
    if (!command.isSettled) command.reject(new Error(`no answer within ${timeoutMs} ms`));
  };
  const look = () => {
    looks++;
    let over = 0;
    for (const { command, lastLook } of watched) {
      if (lastLook <= looks) setImmediate(giveUp, command);
      else if (!command.isSettled) break;
      over++;
    }
    watched.splice(0, over);
    isLooking = watched.length > 0;
    if (isLooking) timer?.refresh();
  };
  return function watch(command) {
    // The next look may be due at once, so it is none of the ten.
    watched.push({ command, lastLook: looks + 1 + LOOKS });
    if (isLooking) return;
    isLooking = true;
    timer = timer?.refresh() ?? setTimeout(look, timeoutMs / LOOKS);
  };
}
