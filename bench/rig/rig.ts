import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bearer, tokenFor } from '../../test/support/gateway.ts';
import { startRedis, type TestRedis } from '../../test/support/redis-server.ts';
import { atExit } from './at-exit.ts';
import type { Program } from './program.ts';
import { startUpstream } from './upstream.ts';

/** What every contender needs. */
export interface Rig {
  readonly folder: string;
  readonly redis: TestRedis;
  readonly upstream: Program;
  /** What an authenticated client sends. */
  readonly headers: Readonly<Record<string, string>>;
  tearDown(): Promise<void>;
}

/** Longer than any run takes. */
const TOKEN_SECONDS = 6 * 3600;

/** Starts Redis and the upstream, each on a free port. */
export async function setUpRig(): Promise<Rig> {
  const folder = await mkdtemp(join(tmpdir(), 'psa-bench-'));
  const redis = await startRedis();
  const forget = atExit(() => rmSync(folder, { recursive: true, force: true }));
  const tearDownRest = async () => {
    forget();
    await redis.stop();
    await rm(folder, { recursive: true, force: true });
  };
  const upstream = await startUpstream(folder).catch(async (error: unknown) => {
    await tearDownRest();
    throw error;
  });
  return {
    folder,
    redis,
    upstream,
    headers: { ...bearer(tokenFor({}, { expiresIn: TOKEN_SECONDS })), 'user-agent': 'bench' },
    async tearDown() {
      await upstream.stop();
      await tearDownRest();
    },
  };
}

/** The bytes of a GET request with these headers. */
export function requestBytes(path: string, headers: Readonly<Record<string, string>>): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `GET ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\n${lines.join('')}\r\n`;
}
