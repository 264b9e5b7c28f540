import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parse } from 'yaml';
import { type RunningService, SERVICE_NAMES, startService } from '../../demo/services/start-service.ts';
import { audience, issuer, secret, startGateway, type TestGateway } from './gateway.ts';

interface GatewayFile {
  readonly upstreams: Readonly<Record<string, { readonly url: string } & Record<string, unknown>>>;
  readonly routes: readonly Record<string, unknown>[];
}

/** The three sample services behind a gateway with the shipped routes. */
export interface GatewayWithServices {
  readonly gateway: TestGateway;
  stop(): Promise<void>;
}

/** Starts all of it in this process, on free ports. */
export async function startGatewayWithServices(env: Record<string, string> = {}): Promise<GatewayWithServices> {
  const tokens = { signingSecret: secret, issuer, audience };
  const services = await Promise.all(
    SERVICE_NAMES.map(async (service): Promise<[string, RunningService]> => {
      return [service, await startService({ service, port: 0, host: '127.0.0.1', tokens })];
    }),
  );
  const path = resolve(import.meta.dirname, '../../gateway.yaml');
  const file = parse(readFileSync(path, 'utf8')) as GatewayFile;
  const upstreams = services.map(([name, { port }]) => [
    name,
    { ...file.upstreams[name], url: `http://127.0.0.1:${port}` },
  ]);
  const gateway = await startGateway({ upstreams: Object.fromEntries(upstreams), routes: file.routes, env });
  return {
    gateway,
    async stop() {
      await gateway.stop();
      await Promise.all(services.map(([, service]) => service.close()));
    },
  };
}
