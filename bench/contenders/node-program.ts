import { join } from 'node:path';
import { freePort } from '../../test/support/free-port.ts';
import { audience, issuer, secret } from '../../test/support/gateway.ts';
import { startProgram } from '../rig/program.ts';
import { type Contender, PREFIX } from './contender.ts';

/** A contender that is a Node program of ours, in `programs`; several workers are a cluster, as PM2's are. */
export function nodeProgram(name: string): Contender['start'] {
  return async ({ workers, upstreamPort, redisPort }) =>
    startProgram({
      command: process.execPath,
      args: [join(import.meta.dirname, 'programs', name)],
      env: {
        NODE_ENV: 'production',
        WORKERS: String(workers),
        UPSTREAM_URL: `http://127.0.0.1:${upstreamPort}`,
        PREFIX,
        REDIS_PORT: String(redisPort),
        JWT_SECRET: secret,
        JWT_ISSUER: issuer,
        JWT_AUDIENCE: audience,
      },
      port: await freePort(),
      saysReady: true,
    });
}
