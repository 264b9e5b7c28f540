import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Percentiles } from './statistics.ts';

const run = promisify(execFile);
const script = join(import.meta.dirname, 'wrk-report.lua');
const FAILURES = ['connect', 'read', 'write', 'status', 'timeout'] as const;

/** What wrk found in one run. */
export interface WrkFigures extends Percentiles {
  readonly requests: number;
  readonly requestsPerSecond: number;
}

interface WrkOptions {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly connections: number;
  readonly seconds: number;
  /** Bytes of each body. */
  readonly bodyBytes: number;
}

/**
 * Sends as much as so many kept-alive connections take, for so long. One thread of wrk costs a few microseconds per request,
 * so that it is never what is measured.
 * @throws {Error} if any request failed
 */
export async function wrk({ url, headers, connections, seconds, bodyBytes }: WrkOptions): Promise<WrkFigures> {
  const fields = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
  const bounds = ['-t', '1', '-c', String(connections), '-d', `${seconds}s`, '-T', '10s'];
  const { stdout } = await run('wrk', [...bounds, ...fields, '-s', script, url]);
  return parseWrk(stdout, bodyBytes);
}

/**
 * Reads what `wrk-report.lua` has written.
 * @throws {Error} if a request failed, or the bodies are too short: a fast refusal is no result
 */
export function parseWrk(output: string, bodyBytes: number): WrkFigures {
  const line = output.split('\n').findLast((text) => text.startsWith('{'));
  if (line === undefined) throw new Error(`wrk has reported nothing: ${output}`);
  const figures = JSON.parse(line) as Record<string, number>;
  const figure = (name: string) => figures[name] ?? Number.NaN;
  const failures = FAILURES.filter((name) => figure(name) !== 0).map((name) => `${name} ${figure(name)}`);
  if (failures.length > 0) throw new Error(`of ${figure('requests')} requests failed: ${failures.join(', ')}`);
  const requests = figure('requests');
  if (!(figure('bytes') / requests > bodyBytes)) {
    throw new Error(`${figure('bytes')} bytes are too few for ${requests} bodies of ${bodyBytes}`);
  }
  const milliseconds = (name: string) => figure(name) / 1000;
  return {
    requests,
    requestsPerSecond: requests / (figure('microseconds') / 1e6),
    p50: milliseconds('p50'),
    p95: milliseconds('p95'),
    p99: milliseconds('p99'),
    p999: milliseconds('p999'),
  };
}
