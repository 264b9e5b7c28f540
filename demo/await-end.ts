import { constants } from 'node:os';
import { launchers } from './launchers.ts';

/** How the demo learns that it should end. */
export interface End {
  /** Fires when it should. */
  readonly signal: AbortSignal;
  readonly happened: Promise<void>;
  /** The code for an end in the middle of the walk: 128 and the signal's number, as shells have it. */
  exitCode(): number;
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const LOOK_INTERVAL_MS = 500;

/**
 * Listens for Ctrl+C and its kin, for a reader that has gone (`| head`), and for the end of the npm that started us: killed
 * by its number alone, it takes nobody with it.
 */
export function awaitEnd(): End {
  const controller = new AbortController();
  const { promise, resolve } = Promise.withResolvers<void>();
  let code = 128 + constants.signals.SIGTERM;
  const end = (signal: (typeof SIGNALS)[number] | 'SIGPIPE') => {
    if (controller.signal.aborted) return;
    code = 128 + constants.signals[signal];
    controller.abort(new Error(`ended by ${signal}`));
    resolve();
  };
  // Ctrl+C comes twice under npm, from the terminal and from npm. Only the first counts, and none cuts the clean-up short.
  for (const signal of SIGNALS) process.on(signal, () => end(signal));
  process.stdout.on('error', () => end('SIGPIPE'));
  const started = launchers(process.ppid);
  const timer = setInterval(() => {
    if (!started.every(isAlive)) end('SIGTERM');
  }, LOOK_INTERVAL_MS);
  timer.unref();
  return { signal: controller.signal, happened: promise, exitCode: () => code };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
