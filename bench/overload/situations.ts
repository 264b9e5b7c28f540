import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '../../test/support/free-port.ts';
import { type Edit, startNginx } from '../../test/support/nginx.ts';
import { PREFIX } from '../contenders/contender.ts';
import { startOneWorker } from '../contenders/gateway.ts';
import { wrk } from '../measure/wrk.ts';
import { payloads } from '../rig/payloads.ts';
import { startProgram } from '../rig/program.ts';
import type { Rig } from '../rig/rig.ts';
import { slowProcessor } from './slow-processor.ts';

const WARM_UP_SECONDS = 10;

/** Something to overload. */
export interface Situation {
  readonly port: number;
  readonly path: string;
  /** The gateway's process. */
  readonly pid: number;
  stop(): Promise<void>;
}

/** One worker in front of a service that can do 400 requests per second. */
export async function slowService(rig: Rig): Promise<Situation> {
  const service = await startProgram({
    command: process.execPath,
    args: [join(import.meta.dirname, 'busy-service.ts')],
    port: await freePort(),
    saysReady: true,
  });
  const gateway = await worker(rig, service.port);
  const stop = async () => {
    await gateway.stop();
    await service.stop();
  };
  return { ...gateway, path: `${PREFIX}/x`, stop };
}

/** One worker that is itself the bottleneck, with a share of a processor. */
export async function busyWorker(rig: Rig, share: number): Promise<Situation> {
  const gateway = await worker(rig, rig.upstream.port);
  const path = `${PREFIX}${payloads[0]?.path}`;
  // With a whole one, or Node would be compiling all the time that is measured.
  const url = `http://127.0.0.1:${gateway.port}${path}`;
  await wrk({ url, headers: rig.headers, connections: 32, seconds: WARM_UP_SECONDS, bodyBytes: 0 });
  const giveBack = share < 1 ? slowProcessor(gateway.pid, share) : () => undefined;
  const stop = async () => {
    giveBack();
    await gateway.stop();
  };
  return { ...gateway, path, stop };
}

/**
 * The same behind nginx as shipped, which lets so many requests per second through. Without TLS, and as if all clients had
 * addresses of their own, since all come from one machine here.
 */
export async function busyWorkerBehindNginx(
  rig: Rig,
  { perSecond, share }: { perSecond: number; share: number },
): Promise<Situation> {
  const gateway = await busyWorker(rig, share);
  const port = await freePort();
  const limits = 'snippets/psa-limits.conf';
  const edits: Edit[] = [
    [limits, 'rate=500r/s', 'rate=1000000r/s'],
    [limits, 'limit_conn psa_per_address 512', 'limit_conn psa_per_address 60000'],
    [limits, 'rate=10000r/s', `rate=${Math.round(perSecond)}r/s`],
    [limits, 'zone=psa_rate_in_all burst=2000', `zone=psa_rate_in_all burst=${Math.round(perSecond / 20)}`],
    [
      'conf.d/psa-gateway.conf',
      'include snippets/psa-tls.conf;',
      `listen ${port};\n    include snippets/psa-tls.conf;`,
    ],
  ];
  const nginx = await startNginx({ gatewayPort: gateway.port, edits });
  const stop = async () => {
    await nginx.stop();
    await gateway.stop();
  };
  return { ...gateway, port, stop };
}

async function worker({ folder, redis }: Rig, upstreamPort: number) {
  await mkdir(folder, { recursive: true });
  return startOneWorker({ folder, upstreamPort, redisPort: redis.port });
}
