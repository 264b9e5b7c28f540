import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import jwt from 'jsonwebtoken';
import { stringify } from 'yaml';
import { loadConfig } from '../../src/config/load-config.ts';
import { startWorker, type Worker } from '../../src/start-worker.ts';
import { type LogFile, loggedLines } from './logged-lines.ts';

export const secret = 'test-only-secret-of-more-than-32-bytes';
export const issuer = 'psa-auth';
export const audience = 'psa-api';

/** Nobody listens there. A port that is only free just now may be that of another test's Redis later. */
const NO_REDIS = 1;

/** A token of a user, valid for ten minutes unless told otherwise. */
export function tokenFor(claims: Record<string, unknown> = {}, options: jwt.SignOptions = {}): string {
  const someone = { sub: 'user-1', email: 'user-1@example.com', roles: ['agent'], tenantId: 'tenant-1' };
  const expiry = 'exp' in claims ? {} : { expiresIn: 600 };
  return jwt.sign({ ...someone, ...claims }, secret, { issuer, audience, ...expiry, ...options });
}

/** The header that carries a token. */
export function bearer(token = tokenFor()): { authorization: string } {
  return { authorization: `Bearer ${token}` };
}

export interface TestGateway {
  readonly port: number;
  readonly url: string;
  /** Of the admin listener. */
  readonly adminUrl: string;
  readonly worker: Worker;
  /** The lines of one of its log files, once all that was logged so far is in it. */
  lines(file: LogFile): Promise<Record<string, unknown>[]>;
  stop(): Promise<void>;
}

interface GatewayOptions {
  /** Upstreams by name: a port, or settings. */
  readonly upstreams: Readonly<Record<string, number | Record<string, unknown>>>;
  /** Default: each upstream at `/api/<name>/*`, and without a token at `/open/<name>/*`. */
  readonly routes?: readonly Record<string, unknown>[];
  readonly server?: Record<string, unknown>;
  readonly identity?: Record<string, unknown>;
  readonly websockets?: Record<string, unknown>;
  /** Further sections of `gateway.yaml`. */
  readonly sections?: Record<string, unknown>;
  readonly revocation?: Record<string, unknown>;
  readonly redisPort?: number;
  readonly env?: Record<string, string>;
  /** Where hosts are, instead of what the operating system says. */
  readonly resolve?: NonNullable<Parameters<typeof startWorker>[0]['resolve']>;
}

/** A whole gateway in this process, on a free port: real sockets, real files, real Redis if it is given one. */
export async function startGateway(options: GatewayOptions): Promise<TestGateway> {
  const folder = await mkdtemp(join(tmpdir(), 'psa-gw-'));
  const names = Object.keys(options.upstreams);
  const upstreams = Object.entries(options.upstreams).map(([name, upstream]) => [
    name,
    typeof upstream === 'number' ? { url: `http://127.0.0.1:${upstream}` } : upstream,
  ]);
  const { server, identity, websockets, revocation } = options;
  const file = {
    upstreams: Object.fromEntries(upstreams),
    routes: options.routes ?? names.flatMap(defaultRoutes),
    ...(server === undefined ? {} : { server }),
    ...(identity === undefined ? {} : { identity }),
    ...(websockets === undefined ? {} : { websockets }),
    ...options.sections,
    ...(revocation === undefined ? {} : { revocation }),
  };
  await writeFile(join(folder, 'gateway.yaml'), stringify(file));
  const environment = {
    NODE_ENV: 'test',
    PORT: '0',
    ADMIN_PORT: '0',
    LOG_DIR: join(folder, 'logs'),
    LOG_LEVEL: 'debug',
    REDIS_HOST: '127.0.0.1',
    REDIS_PORT: String(options.redisPort ?? NO_REDIS),
    JWT_SECRET: secret,
    JWT_ISSUER: issuer,
    JWT_AUDIENCE: audience,
    RATE_LIMIT_MAX_REQUESTS: '1000000',
    USER_RATE_LIMIT_MAX: '1000000',
    ...options.env,
  };
  const worker = await start({ environment, folder, resolve: options.resolve }).catch(async (error: unknown) => {
    await rm(folder, { recursive: true, force: true });
    throw error;
  });
  let stopped: Promise<void> | undefined;
  return {
    port: worker.port,
    url: `http://127.0.0.1:${worker.port}`,
    adminUrl: `http://127.0.0.1:${worker.adminPort}`,
    worker,
    lines: loggedLines({ logger: worker.logger, folder: join(folder, 'logs') }),
    stop() {
      stopped ??= worker.stop('the test is over').then(() => rm(folder, { recursive: true, force: true }));
      return stopped;
    },
  };
}

interface StartOptions {
  readonly environment: Record<string, string>;
  readonly folder: string;
  readonly resolve: GatewayOptions['resolve'];
}

async function start({ environment, folder, resolve }: StartOptions): Promise<Worker> {
  const config = loadConfig({ environment, folder });
  const memory = () => process.memoryUsage();
  const common = { config, pid: process.pid, instance: undefined, memory };
  return startWorker(resolve === undefined ? common : { ...common, resolve });
}

function defaultRoutes(name: string) {
  return [
    { path: `/api/${name}/*`, upstream: name, stripPrefix: `/api/${name}` },
    { path: `/open/${name}/*`, upstream: name, stripPrefix: `/open/${name}`, auth: 'none' },
  ];
}
