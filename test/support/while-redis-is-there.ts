import type { Pm2Gateway } from './pm2-gateway.ts';

/**
 * Does something that shows nothing if a worker loses Redis meanwhile, again until none has: one that a busy machine has not
 * let run for 80 ms takes Redis for away, and counts by itself for a moment.
 */
export async function whileRedisIsThere<T>(
  gateways: readonly Pick<Pm2Gateway, 'lines'>[],
  work: () => Promise<T>,
): Promise<T> {
  for (;;) {
    const absences = await absencesOfRedis(gateways);
    const result = await work();
    if (absences === (await absencesOfRedis(gateways))) return result;
  }
}

/** How often a worker has lost Redis so far, or found it again. */
async function absencesOfRedis(gateways: readonly Pick<Pm2Gateway, 'lines'>[]): Promise<number> {
  // Lines are collected for 50 ms before they are written.
  await new Promise((resolve) => setTimeout(resolve, 120));
  const lines = (await Promise.all(gateways.map((gateway) => gateway.lines('combined')))).flat();
  return lines.filter(({ message }) => /^redis is (away|back)/.test(String(message))).length;
}
