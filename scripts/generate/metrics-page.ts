import { metricDefinitions } from '../../src/observe/metrics.ts';
import { type Metrics, openMetrics } from '../../src/observe/open-metrics.ts';
import { generatedNotice } from './generated-notice.ts';
import { markdownTable } from './markdown-table.ts';

type Snapshot = Awaited<ReturnType<Metrics['snapshot']>>;

/** How prom-client adds up a metric of several workers, in words. */
const IN_WORDS: Readonly<Record<string, string>> = {
  sum: 'sum',
  min: 'smallest',
  max: 'largest',
  average: 'mean',
  first: 'any',
};

/** `docs/metrics.md`: everything that `/metrics` tells. */
export async function metricsPage(): Promise<string> {
  const all = await snapshotOfNothing();
  const own = Object.values(metricDefinitions).map((definition) => {
    const { type, aggregator } = all.find(({ name }) => name === definition.name) ?? {};
    const labels = definition.labelNames.map((label) => `\`${label}\``).join(', ');
    return [`\`${definition.name}\``, String(type), labels, inWords(aggregator), definition.help];
  });
  const ownNames = new Set<string>(Object.values(metricDefinitions).map(({ name }) => name));
  const others = all
    .filter(({ name, aggregator }) => !ownNames.has(name) && String(aggregator) !== 'omit')
    .map(({ name, type, aggregator, help }) => [`\`${name}\``, String(type), inWords(aggregator), help]);
  return `<!-- ${generatedNotice('src/observe/metrics.ts')} -->

# Metrics

\`GET /metrics\` of the admin listener (\`ADMIN_HOST\`, \`ADMIN_PORT\`: 127.0.0.1:9464) answers in the text format of Prometheus, **for all workers of the machine, whichever of them answers**. The column Workers says how their values become one. Counters and histograms include the workers that have ended, so a reload never makes them fall.

## The gateway's own

${markdownTable(['Metric', 'Type', 'Labels', 'Workers', 'What it tells'], own)}

Durations are in seconds, with buckets at ${metricDefinitions.duration.buckets.join(', ')}. \`route\` is the path of an entry of \`gateway.yaml\`, \`/health*\` or \`/api-docs*\` for the gateway's own, else \`none\`. \`reason\` is a word of [problems.md](problems.md).

## Of Node and its process

From [prom-client](https://github.com/siimon/prom-client), as they come.

${markdownTable(['Metric', 'Type', 'Workers', 'What it tells'], others)}
`;
}

function snapshotOfNothing(): Promise<Snapshot> {
  const sources = {
    breakers: () => ({}),
    instances: () => ({}),
    sharedState: () => ({ ageSeconds: 0, records: {} }),
    isRedisAway: () => false,
    refusedByRedis: () => [],
    isReady: () => true,
    lostLogLines: () => 0,
    openWebSockets: () => 0,
    load: () => ({ limit: 0, underWay: 0 }),
    concurrency: () => ({}),
    tokenCache: () => ({ hit: 0, miss: 0 }),
    keySets: () => ({}),
    version: '',
  };
  return openMetrics(sources).snapshot();
}

function inWords(aggregator: unknown): string {
  const words = IN_WORDS[String(aggregator)];
  if (words === undefined) throw new Error(`scripts/generate/metrics-page.ts has no words for "${String(aggregator)}"`);
  return words;
}
