import type { IdleFigures, ProfileFigures, ScaleFigures, SoakFigures } from './result.ts';
import { short, type Table, whole } from './table.ts';

const KIBIBYTES_PER_MEBIBYTE = 1024;

/** What idle connections cost. */
export function idleTable({ connections, kibibytesPerConnection, without, with: beside }: IdleFigures): Table {
  const line = (name: string, { p50, p95, p99, p999 }: IdleFigures['with']) => [
    name,
    ...[p50, p95, p99, p999].map(short),
  ];
  return {
    heading: ['latency of others at 1,000 req/s, ms', 'p50', 'p95', 'p99', 'p99.9'],
    lines: [
      line('without idle connections', without),
      line(`beside ${whole(connections)} idle connections, ${short(kibibytesPerConnection)} KiB each`, beside),
    ],
  };
}

/** What many routes and users cost. */
export function scaleTable(figures: ScaleFigures): Table {
  const { routes, users, requestsPerUser, cpuOfFew } = figures;
  const line = (name: string, cpu: number) => [name, short(cpu), short(cpu / cpuOfFew)];
  const memory = (name: string, [before, after]: readonly [number, number]) => [
    name,
    `${whole(before / KIBIBYTES_PER_MEBIBYTE)} → ${whole(after / KIBIBYTES_PER_MEBIBYTE)} MiB`,
    '',
  ];
  return {
    heading: ['load', 'CPU µs per request', 'against few'],
    lines: [
      line('3 routes, 1 user', cpuOfFew),
      line(`${whole(routes)} routes, 1 user`, figures.cpuOfManyRoutes),
      line(`${whole(routes)} routes, ${whole(users)} users with ${requestsPerUser} requests each`, figures.cpuOfMany),
      line(`${whole(routes)} routes, each request of a new user`, figures.cpuOfStrangers),
      memory('resident memory of the worker', [figures.residentBefore, figures.residentAfter]),
      memory('memory of Redis', [figures.redisBefore, figures.redisAfter]),
    ],
  };
}

/** Where the time goes. */
export function profileTable({ microsecondsPerRequest, shares }: ProfileFigures): Table {
  return {
    heading: ['part', '% of CPU time', 'µs per request'],
    lines: shares.map(({ owner, percent }) => [
      owner,
      percent.toFixed(1),
      ((percent / 100) * microsecondsPerRequest).toFixed(1),
    ]),
  };
}

/** What grew during a soak. */
export function trendsTable({ trends }: SoakFigures): Table {
  return {
    heading: ['quantity', 'median', 'growth over the second half', 'noise up to', 'verdict'],
    lines: trends.map(({ name, unit, median, growth, allowed, isFlat }) => [
      name,
      `${short(median)} ${unit}`.trim(),
      short(growth),
      short(allowed),
      isFlat ? 'flat' : 'GROWS',
    ]),
  };
}

/** What happened during a soak. */
export function eventsTable({ events }: SoakFigures): Table {
  return { heading: ['event', 'times'], lines: Object.entries(events).map(([name, times]) => [name, whole(times)]) };
}
