import type { Sample } from '../../bench/load.ts';
import { isPassed, type Judgement, judge } from '../judge.ts';
import type { Options } from '../options.ts';
import type { Environment } from './environment.ts';
import type { ProfileOutcome } from './run-profile.ts';

/** Everything that a report shows. */
export interface Result extends ProfileOutcome {
  readonly profile: string;
  /** ISO 8601. */
  readonly startedAt: string;
  /** In words. */
  readonly gateway: string;
  readonly environment: Environment;
  readonly isPassed: boolean;
  readonly judgements: readonly Judgement[];
  /** Shown, but without a say in whether the run has passed. */
  readonly reference: { readonly name: string; readonly judgements: readonly Judgement[] } | undefined;
  /** The same gateway, asked by a loop that does nothing else. */
  readonly plainLoop: Sample | undefined;
}

interface ResultOptions extends Pick<Result, 'startedAt' | 'gateway' | 'environment' | 'plainLoop'> {
  readonly options: Pick<Options, 'profile' | 'settings'>;
  readonly outcome: ProfileOutcome;
  /** Whether a service could be made to fail. */
  readonly isOwnStage: boolean;
}

/** Holds the outcome of a run against its targets. */
export function resultOf({ options, outcome, isOwnStage, ...rest }: ResultOptions): Result {
  const { targets, reference } = options.settings;
  const { summary, breakers } = outcome;
  const measured = { ...summary.total, breakerOpenings: breakers?.openings, breakersOpenAtEnd: breakers?.openAtEnd };
  // Where no service is made to fail, no breaker has a reason to open.
  const { breakerOpenings, breakersOpenAtEnd, ...others } = targets;
  const judgements = judge(measured, isOwnStage ? targets : others);
  return {
    ...rest,
    ...outcome,
    profile: options.profile,
    judgements,
    isPassed: isPassed(judgements),
    reference: reference && { name: reference.name, judgements: judge(measured, reference.targets) },
  };
}
