import { unsafeNode } from './process/unsafe-node.ts';

/** The configuration, or the machine, is not fit to start with. @see sysexits(3) EX_USAGE */
const EXIT_USAGE = 64;
const EXIT_FAILED = 1;

/** For closing connections and flushing logs after the grace period. Shorter than the margin in ecosystem.config.js. */
const STOP_MARGIN_MS = 3000;

/** `--check` validates the configuration and exits. */
const isCheck = process.argv.includes('--check');

// Before anything else is even loaded: the rest needs a newer Node than the holes do.
const flags = [...process.execArgv, ...(process.env.NODE_OPTIONS ?? '').split(/\s+/)];
const refusal = unsafeNode(process.versions.node, flags);
if (refusal !== undefined) stop(refusal);

const { ConfigError } = await import('./config/config-error.ts');
const { loadConfig } = await import('./config/load-config.ts');
const config = readConfig();
if (isCheck) {
  console.log('The configuration is valid.');
  process.exit(0);
}

const { startWorker } = await import('./start-worker.ts');
const worker = await startWorker({
  config,
  pid: process.pid,
  instance: process.env.NODE_APP_INSTANCE,
  memory: () => process.memoryUsage(),
}).catch((error: unknown) => {
  console.error(`The gateway can't start: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(EXIT_FAILED);
});

let isStopping = false;
const stopWith = async (code: number, why: string) => {
  if (isStopping) return;
  isStopping = true;
  // Whatever hangs or fails on the way out, the process ends: PM2 would kill it a little later, without a word.
  setTimeout(() => process.exit(EXIT_FAILED), config.settings.SHUTDOWN_GRACE_MS + STOP_MARGIN_MS).unref();
  try {
    await worker.stop(why);
    process.exit(code);
  } catch (error) {
    console.error('The gateway could not stop in order:', error);
    process.exit(EXIT_FAILED);
  }
};
process.on('SIGTERM', () => void stopWith(0, 'SIGTERM'));
// PM2 stops and reloads with it, and so does Ctrl+C.
process.on('SIGINT', () => void stopWith(0, 'SIGINT'));
process.on('message', (message) => {
  if (message === 'shutdown') void stopWith(0, 'PM2');
});
// A state that nobody foresaw is not one to go on in; other workers serve while this one is replaced.
process.on('uncaughtException', (error) => {
  worker.logger.error('uncaught exception', { error: error.stack });
  void stopWith(EXIT_FAILED, 'an uncaught exception');
});
process.on('unhandledRejection', (error) => {
  worker.logger.error('unhandled rejection', { error: error instanceof Error ? error.stack : String(error) });
  void stopWith(EXIT_FAILED, 'an unhandled rejection');
});
// PM2 sends traffic to a new worker, and stops the old one, only from here on.
process.send?.('ready');

function readConfig() {
  try {
    return loadConfig({ environment: process.env, folder: process.cwd() });
  } catch (error) {
    if (error instanceof ConfigError) stop(error.message);
    throw error;
  }
}

function stop(message: string): never {
  console.error(message);
  process.exit(EXIT_USAGE);
}
