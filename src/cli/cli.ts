import type { Report } from './report.ts';
import type { Surroundings } from './surroundings.ts';

/** What every command gets. */
export interface Cli extends Surroundings {
  /** Makes an action of what finds something out; undefined if it has said everything already. */
  reporting<A extends unknown[]>(
    work: (...args: A) => Report | undefined | Promise<Report | undefined>,
  ): (...args: A) => Promise<void>;
  /** Whether `--json` was given. */
  isJson(): boolean;
}
