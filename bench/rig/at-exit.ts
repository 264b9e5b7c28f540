import { processTree } from '../measure/process-account.ts';

const undoings = new Set<() => void>();
let isWatching = false;

/** For Ctrl+C and its like. @see signal(7) */
const SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const;

/**
 * Has something undone if this process ends before it could do so in order, also by a signal, and all its children ended.
 * Returns how to take that back. What is undone can't be waited for.
 */
export function atExit(undo: () => void): () => void {
  if (!isWatching) watch();
  undoings.add(undo);
  return () => void undoings.delete(undo);
}

function watch(): void {
  isWatching = true;
  process.once('exit', () => {
    endChildren();
    for (const undo of [...undoings].reverse()) undo();
  });
  for (const [signal, code] of Object.entries(SIGNALS)) process.once(signal, () => process.exit(code));
}

function endChildren(): void {
  for (const pid of processTree(process.pid).slice(1)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended by itself meanwhile.
    }
  }
}
