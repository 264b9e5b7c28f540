import { z } from 'zod';

/** What refusals leave for those who ask why. */
export const explain = z
  .strictObject({
    entriesPerSecond: z
      .int()
      .min(0)
      .max(1000)
      .default(20)
      .describe(
        'Refusals that a worker explains per second, at most; a quarter of them for one client. Each takes some 700 bytes of Redis for 15 minutes, so a worker under attack 13 MB. 0 turns it off.',
      ),
  })
  .prefault({});

/** The record of security events. */
export const audit = z
  .strictObject({
    maxEvents: z
      .int()
      .min(1000)
      .max(10_000_000)
      .default(100_000)
      .describe('So many events stay in the stream in Redis, some 200 bytes each; the oldest go first.'),
    eventsPerSecond: z
      .int()
      .min(1)
      .max(10_000)
      .default(50)
      .describe(
        'Different events that a worker records per second. Equal ones are one event with a count; what is beyond is counted by reason alone.',
      ),
  })
  .prefault({});
