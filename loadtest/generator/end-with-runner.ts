// Loaded before Artillery, in its process: without its runner nobody wants its load.
import { isMainThread } from 'node:worker_threads';

if (isMainThread) {
  process.on('disconnect', () => process.exit(1));
  // The channel is there to break; it must not keep Artillery from ending.
  process.channel?.unref();
}
