import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { bearer } from '../../test/support/gateway.ts';
import { startPm2Gateway } from '../../test/support/pm2-gateway.ts';
import { startRedis } from '../../test/support/redis-server.ts';
import { openLoop } from './open-loop.ts';
import { type RecordedRequests, recordedRequests } from './recorded-requests.ts';

const run = promisify(execFile);
const configuration = resolve(import.meta.dirname, '../../logrotate/psa-api-gateway');
/** Where the shipped configuration looks for the logs. */
const SHIPPED_FOLDER = '/opt/psa-api-gateway/logs';
const PATH = '/api/v1/crm/rotated';
/** A line is in its file 50 ms after its request; a busy machine gets a little more. */
const SETTLE_MS = 1000;

interface RotationOptions {
  readonly perSecond: number;
  readonly seconds: number;
  /** Fewer than the rotated files that the configuration keeps. */
  readonly rotations: number;
}

/** What one log file makes of the requests that were answered. */
export interface FileVerdict {
  readonly file: string;
  readonly files: number;
  readonly lines: number;
  readonly missing: number;
  readonly twice: number;
  readonly unknown: number;
  readonly torn: number;
}

export interface RotationResult {
  readonly answered: number;
  readonly failures: Readonly<Record<string, number>>;
  readonly workers: number;
  readonly verdicts: readonly FileVerdict[];
  /** Whether every request was answered and has its one line in both files. */
  readonly isWhole: boolean;
}

/**
 * Runs two workers as shipped under an open-loop load, while the real logrotate rotates their files again and again by the
 * shipped configuration, and compares the ids of the answers with those in the files.
 */
export async function rotateUnderLoad({ perSecond, seconds, rotations }: RotationOptions): Promise<RotationResult> {
  const stage = await setUp();
  try {
    const load = openLoop({ url: `${stage.url}${PATH}`, headers: bearer(), perSecond, seconds });
    for (let rotation = 0; rotation < rotations; rotation++) {
      await sleep((seconds * 1000) / (rotations + 1));
      await stage.rotate();
    }
    const { answered, failures } = await load;
    await sleep(SETTLE_MS);
    const records = ['access.log', 'combined.log'].map((name) => ({
      name,
      ...recordedRequests(stage.logs, name, PATH),
    }));
    const verdicts = records.map((record) => verdictOn(record, answered));
    const isWhole =
      answered.length === perSecond * seconds &&
      Object.keys(failures).length === 0 &&
      verdicts.every(({ missing, twice, unknown, torn }) => missing + twice + unknown + torn === 0);
    return { answered: answered.length, failures, workers: records[0]?.workers.size ?? 0, verdicts, isWhole };
  } finally {
    await stage.tearDown();
  }
}

async function setUp() {
  const folder = await mkdtemp(join(tmpdir(), 'psa-rotate-'));
  const redis = await startRedis();
  const crm = createServer((_req, res) => res.end('{"ok":true}')).listen(0, '127.0.0.1');
  await once(crm, 'listening');
  const tearDownRest = async () => {
    crm.close();
    crm.closeAllConnections();
    await redis.stop();
    await rm(folder, { recursive: true, force: true });
  };
  const gateway = await startPm2Gateway({
    REDIS_PORT: String(redis.port),
    CRM_SERVICE_URL: `http://127.0.0.1:${(crm.address() as AddressInfo).port}`,
    USER_RATE_LIMIT_MAX: '10000000',
  }).catch(async (error: unknown) => {
    await tearDownRest();
    throw error;
  });
  const logs = join(gateway.folder, 'logs');
  const config = join(folder, 'psa-api-gateway');
  // logrotate refuses a configuration that others may change.
  await writeFile(config, (await readFile(configuration, 'utf8')).replaceAll(SHIPPED_FOLDER, logs), { mode: 0o644 });
  // Debian keeps it where only root's PATH leads.
  const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` };
  return {
    url: gateway.url,
    logs,
    rotate: () => run('logrotate', ['--force', '--state', join(folder, 'state'), config], { env }),
    async tearDown() {
      await gateway.stop();
      await tearDownRest();
    },
  };
}

function verdictOn({ name, files, ids, torn }: RecordedRequests & { name: string }, answered: string[]): FileVerdict {
  const recorded = new Set(ids);
  const known = new Set(answered);
  return {
    file: name,
    files: files.length,
    lines: ids.length,
    missing: answered.filter((id) => !recorded.has(id)).length,
    twice: ids.length - recorded.size,
    unknown: ids.filter((id) => !known.has(id)).length,
    torn,
  };
}
