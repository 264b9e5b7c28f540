import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { PREFIX, type RunningContender } from '../contenders/contender.ts';
import { startOneWorker } from '../contenders/gateway.ts';
import type { Rig } from '../rig/rig.ts';

/** The path of one of many routes. The first is the one that every contender has. */
export function routePath(index: number): string {
  return index === 0 ? PREFIX : `/api/v1/team-${index % 10}/service-${index}`;
}

/** Starts a gateway that has so many routes, all to the same upstream. */
export async function startGatewayWithRoutes(rig: Rig, routes: number): Promise<RunningContender> {
  const file = join(rig.folder, `gateway-${routes}.yaml`);
  const paths = Array.from({ length: routes }, (_, index) => routePath(index));
  const content = {
    upstreams: { crm: { url: `http://127.0.0.1:${rig.upstream.port}` } },
    routes: paths.map((path) => ({ path: `${path}/*`, upstream: 'crm', stripPrefix: path })),
  };
  await writeFile(file, stringify(content));
  return startOneWorker({ folder: rig.folder, upstreamPort: rig.upstream.port, redisPort: rig.redis.port, file });
}
