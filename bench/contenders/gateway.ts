import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { freePort } from '../../test/support/free-port.ts';
import { audience, issuer, secret } from '../../test/support/gateway.ts';
import { startGuardedPm2Gateway } from '../rig/pm2-gateway.ts';
import { startProgram } from '../rig/program.ts';
import type { RunningContender, Start } from './contender.ts';

const root = resolve(import.meta.dirname, '../..');
/** As many as the setting allows: a limit that is reached would be measured instead. */
const NO_LIMIT = '10000000';

interface GatewayStart extends Omit<Start, 'workers'> {
  /** Instead of the shipped `gateway.yaml`. */
  readonly file?: string;
  /** For Node itself, such as `--cpu-prof`. */
  readonly nodeArgs?: readonly string[];
}

/** The gateway as it is built and shipped, everything on: one worker by itself, two under PM2. */
export function startGateway({ workers, ...options }: Start): Promise<RunningContender> {
  return workers === 1 ? startOneWorker(options) : startGuardedPm2Gateway(environment(options));
}

/** One worker, as `npm start` runs it. */
export async function startOneWorker(options: GatewayStart): Promise<RunningContender> {
  const { folder, file = join(root, 'gateway.yaml'), nodeArgs = [] } = options;
  const port = await freePort();
  const logs = join(folder, `gateway-${port}`);
  await mkdir(logs);
  const env = {
    ...environment(options),
    NODE_ENV: 'production',
    LOG_DIR: logs,
    GATEWAY_CONFIG: file,
    ADMIN_PORT: '0',
    REDIS_HOST: '127.0.0.1',
    JWT_SECRET: secret,
    JWT_ISSUER: issuer,
    JWT_AUDIENCE: audience,
  };
  const args = [...nodeArgs, join(root, 'dist/main.js')];
  return startProgram({ command: process.execPath, args, env, port, saysReady: true });
}

function environment({ upstreamPort, redisPort }: GatewayStart): Record<string, string> {
  const service = `http://127.0.0.1:${upstreamPort}`;
  return {
    REDIS_PORT: String(redisPort),
    AUTH_SERVICE_URL: service,
    CRM_SERVICE_URL: service,
    TICKETS_SERVICE_URL: service,
    RATE_LIMIT_MAX_REQUESTS: NO_LIMIT,
    USER_RATE_LIMIT_MAX: NO_LIMIT,
  };
}
