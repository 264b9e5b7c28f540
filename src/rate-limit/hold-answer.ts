import type { ServerResponse } from 'node:http';

/**
 * Keeps an answer, head and all, from the client until work that depends on it is done. Only then can nothing that the
 * client does next, even through another worker, overtake the work.
 * @param work looks at the answer when its first byte is due; undefined lets it go at once. It must settle soon.
 */
export function holdAnswer(res: ServerResponse, work: () => Promise<unknown> | undefined): void {
  const { write, end } = res;
  const held: (() => unknown)[] = [];
  let isBegun = false;
  const isHeld = () => {
    if (isBegun) return true;
    isBegun = true;
    const pending = work();
    if (pending === undefined) Object.assign(res, { write, end });
    else void pending.then(release, release);
    return pending !== undefined;
  };
  const release = () => {
    Object.assign(res, { write, end });
    for (const step of held) step();
    // The writer was told to stop, and waits for this.
    res.emit('drain');
  };
  res.write = (...args: unknown[]) => {
    if (!isHeld()) return write.apply(res, args as Parameters<typeof write>);
    held.push(() => write.apply(res, args as Parameters<typeof write>));
    return false;
  };
  res.end = (...args: unknown[]) => {
    if (!isHeld()) return end.apply(res, args as Parameters<typeof end>);
    held.push(() => end.apply(res, args as Parameters<typeof end>));
    return res;
  };
}
