import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseDocument } from 'yaml';
import type { ServiceName } from '../services/start-service.ts';
import { gatewaySettings, inheritedEnvironment, tokenSettings } from './environment.ts';
import { freePorts } from './free-ports.ts';
import type { Guard } from './start-guard.ts';

/** Shipped: 30 s, which is long to watch. */
export const OPEN_SECONDS = 5;

/** Requests in a month: few, to be used up at once. */
export const TRIAL_QUOTA = 5;

/** A tenant is on none until the operator says so. */
const PLANS = {
  trial: { limit: 100, windowMs: 60_000, monthlyQuota: TRIAL_QUOTA },
  premium: { limit: 6000, windowMs: 60_000, monthlyQuota: 1_000_000 },
};

const root = join(import.meta.dirname, '../..');
const ECOSYSTEM = 'ecosystem.config.js';
const serveProgram = join(root, 'demo/services/serve.ts');

/** A sample service that runs. */
export interface StagedService {
  readonly pid: number;
  readonly port: number;
  /** Where faults are ordered. */
  readonly controlPort: number;
}

/** Everything that the walk needs, up and running. */
export interface Stage {
  /** Of the gateway. */
  readonly url: string;
  /** Of its admin listener. */
  readonly adminUrl: string;
  readonly port: number;
  readonly folder: string;
  readonly logFolder: string;
  /** With what the auth service signs. */
  readonly tokens: ReturnType<typeof tokenSettings>;
  /** Undefined when no Redis could be had: then limits are counted per worker. */
  readonly redis: { readonly pid: number; readonly port: number } | undefined;
  readonly services: Readonly<Record<ServiceName, StagedService>>;
  /** Ends the tickets service as a crash would. */
  killTickets(): Promise<void>;
  /** Starts it again, on the same port. */
  startTickets(): Promise<void>;
  /** Runs the operator's command (`npx gateway …`) and returns what it printed. */
  gateway(...args: string[]): Promise<string>;
  /** Where its settings are, for a shell. */
  readonly operatorFile: string;
  /** Runs the operator's reload. */
  reload(): Promise<void>;
}

interface StageOptions {
  readonly guard: Guard;
  readonly environment: NodeJS.ProcessEnv;
}

/**
 * Starts Redis, the three services and the gateway under PM2, as an operator would: the shipped ecosystem.config.js, and
 * gateway.yaml with what it leaves to the operator.
 * @throws {Error} if the services or PM2 can't be started
 */
export async function openStage({ guard, environment }: StageOptions): Promise<Stage> {
  const inherited = inheritedEnvironment(environment);
  const tokens = tokenSettings();
  const [redisPort = 0, gatewayPort = 0, adminPort = 0] = await freePorts(3);
  const url = `http://127.0.0.1:${gatewayPort}`;
  const serviceEnv = { ...inherited, ...tokens, GATEWAY_KEYS_URL: `${url}/.well-known/jwks.json` };
  const startService = (name: ServiceName, port = 0) => serve(guard, { name, port, env: serviceEnv });
  const [redis, auth, crm, tickets] = await Promise.all([
    startRedis(guard, { port: redisPort, env: inherited }),
    startService('auth'),
    startService('crm'),
    startService('tickets'),
  ]);
  const services = { auth, crm, tickets };
  const ports = { gateway: gatewayPort, admin: adminPort, redis: redisPort, auth: auth.port, crm: crm.port };
  const settings = gatewaySettings({ folder: guard.folder, ports: { ...ports, tickets: tickets.port } });
  const env = { ...inherited, ...tokens, ...settings };
  copyGatewayFile(settings.GATEWAY_CONFIG);
  const operatorFile = join(guard.folder, 'operator.env');
  writeFileSync(operatorFile, linesOf({ ...tokens, ...settings }), { mode: 0o600 });
  await guard.pm2(['start', ECOSYSTEM], env);
  return {
    url,
    adminUrl: `http://127.0.0.1:${adminPort}`,
    port: gatewayPort,
    folder: guard.folder,
    logFolder: settings.LOG_DIR,
    tokens,
    redis,
    services,
    killTickets: () => guard.kill('tickets'),
    async startTickets() {
      services.tickets = await startService('tickets', services.tickets.port);
    },
    gateway: (...args) => guard.gateway(args, env),
    operatorFile,
    async reload() {
      await guard.pm2(['reload', ECOSYSTEM, '--update-env'], env);
    },
  };
}

function linesOf(settings: Readonly<Record<string, string>>): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}

async function serve(
  guard: Guard,
  { name, port, env }: { name: ServiceName; port: number; env: Record<string, string> },
): Promise<StagedService> {
  const command = [process.execPath, serveProgram, name, '--port', String(port), '--control-port', '0'];
  const { line } = await guard.start({ name, command, env, readyLine: '^\\{"service":' });
  return JSON.parse(line) as StagedService;
}

/** Undefined without a redis-server that starts: the gateway serves without, and so does the demo. */
async function startRedis(guard: Guard, { port, env }: { port: number; env: Record<string, string> }) {
  const address = ['--port', String(port), '--bind', '127.0.0.1'];
  const command = ['redis-server', ...address, '--save', '', '--appendonly', 'no', '--dir', guard.folder];
  try {
    const { pid } = await guard.start({ name: 'redis', command, env, readyLine: 'Ready to accept connections' });
    return { pid, port };
  } catch {
    return undefined;
  }
}

/** The shipped file, with a breaker that can be watched, plans for customers, and a key to sign for the services. */
function copyGatewayFile(to: string): void {
  const file = parseDocument(readFileSync(join(root, 'gateway.yaml'), 'utf8'));
  file.setIn(['upstreams', 'tickets', 'breaker', 'openSeconds'], OPEN_SECONDS);
  file.set('plans', PLANS);
  file.set('identity', { assertion: { keys: ['${ASSERTION_KEY}'] } });
  writeFileSync(to, String(file));
}
