import type { BreakerReport } from '../../src/upstream/with-breaker.ts';
import type { TestGateway } from './gateway.ts';

/** The breaker of an upstream, as an operator sees it. */
export async function breakerOf({ url }: TestGateway, name = 'crm'): Promise<BreakerReport> {
  const response = await fetch(`${url}/health/detailed`);
  const { circuitBreakers } = (await response.json()) as { circuitBreakers: Record<string, BreakerReport> };
  const report = circuitBreakers[name];
  if (report === undefined) throw new Error(`no breaker of ${name} is reported`);
  return report;
}
