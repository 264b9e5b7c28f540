import type { IncomingMessage, ServerResponse } from 'node:http';
import { contextOf, type RequestContext } from '../context.ts';
import type { Problem } from '../problem/problem.ts';
import { whatHelps } from '../problem/what-helps.ts';
import { limitStates } from './limit-states.ts';
import type { ExplainLink } from './read-refusal.ts';
import { REFUSAL_SECONDS, type Refusal, type RefusalUpstream, refusalKey } from './refusal.ts';
import { refusalRation } from './refusal-ration.ts';

interface RecordRefusalsOptions {
  readonly link: ExplainLink;
  readonly entriesPerSecond: number;
  /** Takes secrets out of a path. */
  readonly masked: (path: string) => string;
  readonly breakers: () => Readonly<Record<string, { readonly state: string }>>;
  readonly instances: () => Readonly<Record<string, readonly { readonly state: string }[]>>;
  readonly time: { readonly clock: () => number; readonly now: () => number };
}

/** What somebody may have us keep by being refused. */
const MAX_ENTRY_BYTES = 4096;

/** So much of a text is enough to know it again. With them, nearly every entry is short enough. */
const MAX_PATH_LENGTH = 512;
const MAX_DETAIL_LENGTH = 256;
const MAX_TENANT_LENGTH = 128;
const MAX_LIMITS = 8;

/**
 * Returns what keeps a refusal in Redis, once its answer is on its way. Nobody waits for that, and nothing is kept while
 * Redis is away: to know why is worth less than to be served.
 */
export function recordRefusals({ link, entriesPerSecond, masked, time, ...upstreams }: RecordRefusalsOptions) {
  const mayRecord = refusalRation({ perSecond: entriesPerSecond, clock: time.clock });
  return function recordRefusal(problem: Problem, req: IncomingMessage, res: ServerResponse): void {
    const context = contextOf(req);
    if (link.isAway() || !mayRecord(context.client.address)) return;
    const refusal: Refusal = {
      requestId: context.requestId,
      time: new Date(time.now()).toISOString(),
      method: req.method ?? '',
      path: masked(context.path).slice(0, MAX_PATH_LENGTH),
      route: context.route?.name,
      status: problem.status,
      reason: problem.reason,
      detail: problem.message.slice(0, MAX_DETAIL_LENGTH),
      whatHelps: whatHelps(problem.reason),
      user: context.caller?.userId,
      tenant: context.caller?.tenantId?.slice(0, MAX_TENANT_LENGTH),
      client: context.client.address,
      limits: limitStates(res.getHeader('RateLimit')).slice(0, MAX_LIMITS),
      upstream: upstreamOf(context, upstreams),
    };
    // The link has noticed and logged a failure; this entry is lost.
    link
      .command('SET', refusalKey(refusal.requestId), textOf(refusal), 'EX', String(REFUSAL_SECONDS))
      .catch(() => undefined);
  };
}

/** Some characters are six bytes in JSON. Of an entry of many, what its caller knows anyway is left out. */
function textOf(refusal: Refusal): string {
  const text = JSON.stringify(refusal);
  if (Buffer.byteLength(text) < MAX_ENTRY_BYTES) return text;
  return JSON.stringify({ ...refusal, path: '…', tenant: undefined, limits: [] } satisfies Refusal);
}

type Upstreams = Pick<RecordRefusalsOptions, 'breakers' | 'instances'>;

function upstreamOf({ upstream }: RequestContext, { breakers, instances }: Upstreams): RefusalUpstream | undefined {
  if (upstream === undefined) return undefined;
  const { name, instance } = upstream;
  const all = instances()[name];
  const healthy = all?.filter(({ state }) => state === 'healthy').length ?? 0;
  return {
    name,
    breaker: breakers()[name]?.state,
    instances: all === undefined ? undefined : { total: all.length, healthy },
    instance,
  };
}
