import type { Judgement } from '../judge.ts';
import type { Figures } from '../measure/figures.ts';
import type { AnswerCount } from '../measure/summarise.ts';
import { formatMetric, formatNumber, type Metric, metrics } from '../metrics.ts';
import type { Result } from '../run/result.ts';

/** The tables of a report, as text: the terminal and the page show the same ones. */
export interface Table {
  readonly title: string;
  readonly note?: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** All tables, most important first. */
export function tablesOf(result: Result): Table[] {
  const { summary } = result;
  return [
    verdictTable(result),
    ...referenceTable(result),
    operationTable(result),
    {
      title: 'Answers',
      head: ['status', 'reason of the gateway', 'counted as', 'how many'],
      rows: summary.answers.map(answerRow),
    },
    besidesTable(result),
  ];
}

function verdictTable({ judgements, summary }: Result): Table {
  const judged = new Set(judgements.map(({ metric }) => metric));
  const told: Metric[] = ['requests', 'seconds', 'throughput', 'peak', 'meanMs', 'p50Ms', 'p95Ms', 'p99Ms', 'maxMs'];
  const others = told.filter((metric): metric is keyof Figures => !judged.has(metric));
  return {
    title: 'Measured against target',
    note: 'Latencies are of right answers, from the request to the last byte. An error is any answer but the right one, and none.',
    head: ['', 'metric', 'measured', 'target'],
    rows: [
      ...judgements.map(judgementRow),
      ...others.map((metric) => ['', metrics[metric].label, formatMetric(metric, summary.total[metric]), '']),
    ],
  };
}

function referenceTable({ reference }: Result): Table[] {
  if (reference === undefined) return [];
  const note = 'Only to compare: what is missed here does not fail the run.';
  const head = ['', 'metric', 'measured', reference.name];
  return [{ title: `Against ${reference.name}`, note, head, rows: reference.judgements.map(judgementRow) }];
}

function judgementRow({ metric, measured, relation, bound, isMet }: Judgement): string[] {
  const target = `${relation} ${formatNumber(bound)} ${metrics[metric].unit}`.trimEnd();
  return [isMet ? '✔' : '✘', metrics[metric].label, formatMetric(metric, measured), target];
}

function operationTable({ summary }: Result): Table {
  return {
    title: 'By request',
    head: ['request', 'sent', 'errors', 'expected failures', 'mean', 'p50', 'p95', 'p99', 'slowest'],
    rows: summary.operations.map(({ name, figures }) => {
      const { requests, errors, expectedFailures, meanMs, p50Ms, p95Ms, p99Ms, maxMs } = figures;
      return [name, ...[requests, errors, expectedFailures, meanMs, p50Ms, p95Ms, p99Ms, maxMs].map(formatNumber)];
    }),
  };
}

function answerRow({ status, reason, verdict, count }: AnswerCount): string[] {
  const counted = { right: 'right', expected: 'expected failure', error: 'error' }[verdict];
  return [status === 0 ? 'none' : String(status), reason || '–', counted, formatNumber(count)];
}

/** What stands beside the measurement: the breakers, what was dropped, and what others measured. */
function besidesTable({ summary, breakers, outage, artillery, plainLoop }: Result): Table {
  const count = (status: number) =>
    summary.answers.filter((answer) => answer.status === status).reduce((sum, answer) => sum + answer.count, 0);
  const own = artillery.summaries['http.response_time'];
  const rows: string[][] = [
    ['answered 429, too many requests', formatNumber(count(429))],
    ['requests without an answer', formatNumber(count(0))],
    ['virtual users that gave up', formatNumber(artillery.counters['vusers.failed'] ?? 0)],
    ['breakers opened, of all workers', formatNumber(breakers?.openings)],
    ['refused by an open breaker', formatNumber(breakers?.rejects)],
    ['Artillery says (whole ms, to the first byte, warm-up included)', latencies(own?.p50, own?.p95, own?.p99)],
  ];
  if (outage !== undefined) {
    const seconds = (outage.untilMs - outage.fromMs) / 1000;
    const text = `${formatNumber(seconds)} s; a 5xx of it counts as expected, not as an error`;
    rows.unshift([`outage of ${outage.upstream}, until its breakers were closed again`, text]);
  }
  if (summary.warmUpRequests > 0)
    rows.unshift(['requests to warm up, not measured', formatNumber(summary.warmUpRequests)]);
  if (plainLoop !== undefined) {
    const { requestsPerSecond, p50, p99 } = plainLoop;
    const text = `${formatNumber(Math.round(requestsPerSecond))} req/s, ${latencies(p50, undefined, p99)}`;
    rows.push(['a plain loop instead of Artillery (one company)', text]);
  }
  return { title: 'And also', head: ['what', 'how much'], rows };
}

function latencies(p50: number | undefined, p95: number | undefined, p99: number | undefined): string {
  const figures = { p50, p95, p99 };
  const known = Object.entries(figures).filter(([, value]) => value !== undefined);
  return known.map(([name, value]) => `${name} ${formatNumber(value)} ms`).join(', ') || '–';
}

/** Which columns hold numbers, also where a dash stands for what is unknown. */
export function numericColumns({ head, rows }: Pick<Table, 'head' | 'rows'>): boolean[] {
  return head.map((_, column) => rows.length > 0 && rows.every((row) => /^[\d,.–]*$/.test(row[column] ?? '')));
}
