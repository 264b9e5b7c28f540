import type { Reason } from '../problem/catalog.ts';

/** Of what kinds security events are. */
export const eventKinds = ['login_failed', 'refused', 'operator_command'] as const;

/** Something that whoever looks after security wants to find again. Ids only: no e-mail address, no token, no address. */
export interface SecurityEvent {
  /** When it happened first, if it happened several times. */
  readonly time: string;
  readonly event: (typeof eventKinds)[number];
  readonly status?: number | undefined;
  readonly reason?: Reason | undefined;
  /** Name of the route: its path pattern. */
  readonly route?: string | undefined;
  readonly user?: string | undefined;
  readonly tenant?: string | undefined;
  /** A pseudonym of the client address. */
  readonly client?: string | undefined;
  /** The first request that it happened to: it leads to the access log. */
  readonly requestId?: string | undefined;
  /** How often it happened within a second, in one worker. */
  readonly count: number;
  /** Of an operator's command: the command, what it was used on, and who used it. */
  readonly command?: string | undefined;
  readonly target?: string | undefined;
  readonly by?: string | undefined;
}
