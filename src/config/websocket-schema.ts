import { z } from 'zod';
import { milliseconds } from './upstream-schema.ts';

/** The WebSockets of one route. */
export const websocket = z.strictObject({
  pingIntervalMs: milliseconds(
    30_000,
    "A client that has been silent for so long is sent a ping; one that is silent for as long again is cut off. Shorter than nginx's proxy_read_timeout (75 s), which would end the connection.",
  ),
  idleTimeoutMs: milliseconds(600_000, 'Closed with 1001 when nothing but pongs has come from either end for so long.'),
});

/** How many WebSockets there may be, on all routes together. */
export const websockets = z
  .strictObject({
    maxPerUser: z.int().min(1).max(100_000).default(20).describe('Open at a time in one worker, per user.'),
    maxPerAddress: z
      .int()
      .min(1)
      .max(100_000)
      .default(50)
      .describe('Open at a time in one worker, per client address, without a token.'),
    maxPerWorker: z.int().min(1).max(100_000).default(5000).describe('Open at a time in one worker, of all clients.'),
  })
  .prefault({});
