import { parseArgs } from 'node:util';
import type { Contender } from './contenders/contender.ts';
import { contenders } from './contenders/contenders.ts';
import { DEFAULT_PLAN, type Plan, planWithSeconds, QUICK_PLAN } from './modes/plan.ts';

/** What a run is asked to do. */
export interface Options {
  readonly mode: 'compare' | 'idle' | 'scale' | 'profile';
  /** Whether only a part of the comparison is wanted. */
  readonly isTrial: boolean;
  readonly contenders: readonly Contender[];
  readonly rounds: number;
  readonly plan: Plan;
  readonly workers: readonly number[];
  /** Of `--profile`. */
  readonly seconds: number;
  /** Of `--idle`. */
  readonly idleConnections: number;
  /** Of `--scale`. */
  readonly users: number;
  readonly requestsPerUser: number;
}

const DEFAULT_ROUNDS = { compare: 5, idle: 3, scale: 1, profile: 1 };
const PROFILE_SECONDS = 15;

/**
 * Reads the arguments of the command.
 * @throws {TypeError} if there is one that it does not know
 */
export function readOptions(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      only: { type: 'string', multiple: true },
      workers: { type: 'string', multiple: true },
      idle: { type: 'boolean', default: false },
      scale: { type: 'boolean', default: false },
      profile: { type: 'boolean', default: false },
      connections: { type: 'string', default: '10000' },
      users: { type: 'string', default: '50000' },
      'requests-per-user': { type: 'string', default: '10' },
    },
  });
  const { quick, only, seconds } = values;
  const mode = (['idle', 'scale', 'profile'] as const).find((name) => values[name]) ?? 'compare';
  return {
    mode,
    isTrial: quick || only !== undefined || values.workers !== undefined,
    contenders: only === undefined ? contenders : only.map(contenderNamed),
    rounds: countOf(values.rounds ?? String(quick ? 1 : DEFAULT_ROUNDS[mode])),
    plan: seconds === undefined ? (quick ? QUICK_PLAN : DEFAULT_PLAN) : planWithSeconds(countOf(seconds)),
    workers: values.workers?.map(workersOf) ?? (quick ? [1] : [1, 2]),
    seconds: countOf(seconds ?? String(PROFILE_SECONDS)),
    idleConnections: countOf(values.connections),
    users: countOf(values.users),
    requestsPerUser: countOf(values['requests-per-user']),
  };
}

function contenderNamed(name: string): Contender {
  const found = contenders.find((contender) => contender.name === name);
  const names = contenders.map((contender) => contender.name).join(', ');
  if (found === undefined) throw new TypeError(`there is no contender ${name}, but ${names}`);
  return found;
}

function workersOf(text: string): number {
  if (text !== '1' && text !== '2') throw new TypeError(`${text} workers are not measured, only 1 or 2`);
  return Number(text);
}

function countOf(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new TypeError(`${text} is no whole number above 0`);
  return Number(text);
}
