import { Agent, request } from 'node:http';

export interface Sample {
  readonly requestsPerSecond: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

interface LoadOptions {
  readonly port: number;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly connections: number;
  readonly requests: number;
}

/**
 * Sends so many requests over so many kept-alive connections, each as soon as the one before is answered.
 * @throws {Error} at the first answer that is not 200: a fast refusal is no result
 */
export async function load({ port, path, headers, connections, requests }: LoadOptions): Promise<Sample> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const latencies: number[] = [];
  let left = requests;
  const once = () =>
    new Promise<void>((resolve, reject) => {
      const startedAt = performance.now();
      const call = request({ host: '127.0.0.1', port, path, headers, agent }, (res) => {
        res.resume();
        res.on('end', () => {
          latencies.push(performance.now() - startedAt);
          if (res.statusCode === 200) resolve();
          else reject(new Error(`answered ${res.statusCode}`));
        });
      });
      call.on('error', reject).end();
    });
  const lane = async () => {
    while (left-- > 0) await once();
  };
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: connections }, lane));
  const seconds = (performance.now() - startedAt) / 1000;
  agent.destroy();
  latencies.sort((a, b) => a - b);
  const quantile = (share: number) => latencies[Math.floor(latencies.length * share)] ?? Number.NaN;
  return { requestsPerSecond: requests / seconds, p50: quantile(0.5), p99: quantile(0.99) };
}
