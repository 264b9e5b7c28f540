import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { type RequestContext, setContext } from '../../../src/context.ts';
import { catalog, type Reason } from '../../../src/problem/catalog.ts';
import { Problem } from '../../../src/problem/problem.ts';
import { type Call, callOf, setCall } from '../../../src/upstream/call.ts';
import { markConnection } from '../../../src/upstream/is-stale.ts';
import { withRetry } from '../../../src/upstream/with-retry.ts';
import { upstreamSettings } from '../../support/upstream-settings.ts';

interface Situation {
  readonly method?: string;
  readonly settings?: Record<string, unknown>;
  /** How each try fails, in order; the one behind them succeeds. */
  readonly failures?: readonly unknown[];
  readonly content?: Call['body']['content'];
  readonly isWhole?: boolean;
  /** How many instances there are. */
  readonly instances?: number;
  /** Milliseconds until the deadline. */
  readonly leftMs?: number;
  /** What happens while the first try is under way. */
  readonly meanwhile?: (situation: { res: ServerResponse; call: Call }) => void;
}

const NOW = 1_000_000;

/** Makes one request, and tells which tries there were and how it ended. */
async function attempt(situation: Situation) {
  const { method = 'GET', settings, failures = [], content = null, instances = 1, leftMs, meanwhile } = situation;
  const req = Object.assign(new IncomingMessage(new Socket()), { method });
  const res = new ServerResponse(req);
  const upstream: { name: string; retries?: number } = { name: 'crm' };
  setContext(req, { upstream } as unknown as RequestContext);
  setCall(req, {
    body: { content, isWhole: () => situation.isWhole ?? true, isWaitingForClient: () => false },
    timeouts: { connectMs: 1, headMs: 1, idleMs: 1 },
    endsAt: NOW + (leftMs ?? Number.POSITIVE_INFINITY),
    tryMs: 0,
    hasAnswerBegun: false,
    tried: [],
  });
  const tryMs: number[] = [];
  const forward = withRetry(
    async () => {
      const call = callOf(req);
      tryMs.push(call.tryMs);
      call.tried.push(`http://${call.tried.length % instances}`);
      if (tryMs.length === 1) meanwhile?.({ res, call });
      const failure = failures[tryMs.length - 1];
      if (failure !== undefined) throw failure;
      return { status: 200 };
    },
    {
      settings: upstreamSettings({ retry: { backoffMs: 1, ...settings } }).retry,
      untried: (tried) => instances - new Set(tried).size,
      clock: () => NOW,
      random: () => 0.5,
    },
  );
  const outcome = await forward(req, res).catch((error: unknown) => error);
  return { tries: tryMs.length, tryMs, outcome, retries: upstream.retries };
}

const problem = (reason: Reason, cause?: Error) => new Problem(reason, { cause });

/** On a connection that was made that long ago. */
function reset({ madeBeforeMs }: { madeBeforeMs: number }): Problem {
  const cause = new Error('reset');
  markConnection(cause, NOW - madeBeforeMs);
  return problem('upstream_reset', cause);
}

const SAFE = ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'];
const UNSAFE = ['POST', 'PATCH'];
const UNSENT: Reason[] = ['upstream_connect_failed', 'upstream_connect_timeout'];
const UNANSWERED: Reason[] = ['upstream_reset', 'upstream_response_timeout'];
const ALL_REASONS = Object.keys(catalog) as Reason[];
const NEVER = ALL_REASONS.filter((reason) => !UNSENT.includes(reason) && !UNANSWERED.includes(reason));

describe('a request that is tried again', () => {
  it.each(SAFE.flatMap((method) => [...UNSENT, ...UNANSWERED].map((reason) => [method, reason] as const)))(
    'is a %s after %s, by another instance, and the trace tells',
    async (method, reason) => {
      const result = await attempt({ method, failures: [problem(reason)], instances: 2 });
      expect(result).toMatchObject({ tries: 2, outcome: { status: 200 }, retries: 1 });
    },
  );

  it.each(UNSAFE.flatMap((method) => UNSENT.map((reason) => [method, reason] as const)))(
    'is a %s after %s, which has not been sent',
    async (method, reason) => {
      expect((await attempt({ method, failures: [problem(reason)], instances: 2 })).tries).toBe(2);
    },
  );

  it('is one with a body that is held', async () => {
    const result = await attempt({ method: 'PUT', content: Buffer.from('x'), failures: [problem('upstream_reset')] });
    expect(result.tries).toBe(2);
  });

  it('is one with a streamed body of which nothing has been sent', async () => {
    const failures = [problem('upstream_connect_failed')];
    expect((await attempt({ method: 'POST', content: new PassThrough(), failures, instances: 2 })).tries).toBe(2);
  });

  it('is tried twice again and no more', async () => {
    const failures = Array.from({ length: 9 }, () => problem('upstream_reset'));
    expect(await attempt({ failures })).toMatchObject({ tries: 3, outcome: { reason: 'upstream_reset' }, retries: 2 });
  });
});

describe('a request that is sent once', () => {
  it.each(UNSAFE.flatMap((method) => UNANSWERED.map((reason) => [method, reason] as const)))(
    'is a %s after %s: it may have arrived',
    async (method, reason) => {
      const result = await attempt({ method, failures: [problem(reason)], instances: 2 });
      expect(result).toMatchObject({ tries: 1, outcome: { reason } });
    },
  );

  it.each(NEVER)('is a GET after %s', async (reason) => {
    expect((await attempt({ failures: [problem(reason)], instances: 2 })).tries).toBe(1);
  });

  it('is one that failed with an error of our own', async () => {
    const failure = new TypeError('a fault of ours');
    expect(await attempt({ failures: [failure], instances: 2 })).toMatchObject({ tries: 1, outcome: failure });
  });

  it.each(UNSENT.concat('upstream_response_timeout'))(
    'is one for which nobody else is there to ask, after %s',
    async (reason) => {
      expect((await attempt({ failures: [problem(reason)] })).tries).toBe(1);
    },
  );

  it('is one with a body of which something has been sent', async () => {
    const result = await attempt({ method: 'PUT', isWhole: false, failures: [problem('upstream_reset')] });
    expect(result.tries).toBe(1);
  });

  it('is one with a streamed body that waits for a connection, and may get it yet', async () => {
    const failures = [problem('upstream_connect_timeout')];
    expect((await attempt({ content: new PassThrough(), failures, instances: 2 })).tries).toBe(1);
  });

  it('is one of whose answer a byte has come', async () => {
    const meanwhile: Situation['meanwhile'] = ({ call }) => {
      call.hasAnswerBegun = true;
    };
    expect((await attempt({ failures: [problem('upstream_reset')], meanwhile })).tries).toBe(1);
  });

  it('is one whose client has got a head', async () => {
    const meanwhile: Situation['meanwhile'] = ({ res }) => void res.writeHead(200);
    const result = await attempt({ failures: [problem('upstream_reset')], meanwhile });
    expect(result).toMatchObject({ tries: 1, outcome: { reason: 'upstream_reset' } });
  });

  it('is one whose client has left', async () => {
    const meanwhile: Situation['meanwhile'] = ({ res }) => void res.destroy();
    const result = await attempt({ failures: [problem('upstream_reset')], meanwhile });
    expect(result).toMatchObject({ tries: 1, outcome: { reason: 'upstream_reset' } });
  });

  it('is one whose client leaves in the pause before the next try', async () => {
    const meanwhile: Situation['meanwhile'] = ({ res }) => void setTimeout(() => res.destroy(), 1);
    const failures = [problem('upstream_reset')];
    const result = await attempt({ failures, meanwhile, settings: { backoffMs: 100 } });
    expect(result).toMatchObject({ tries: 1, outcome: { reason: 'client_closed' } });
  });

  it('is one whose deadline would be over before the next try', async () => {
    const settings = { backoffMs: 20 };
    const failures = [problem('upstream_reset')];
    expect((await attempt({ failures, settings, leftMs: 10 })).tries).toBe(1);
    expect((await attempt({ failures, settings, leftMs: 11 })).tries).toBe(2);
  });

  it('is every one if attempts is 0', async () => {
    expect((await attempt({ settings: { attempts: 0 }, failures: [reset({ madeBeforeMs: 10 })] })).tries).toBe(1);
  });

  it('is one whose method is not in the list', async () => {
    const failures = [problem('upstream_reset')];
    expect((await attempt({ method: 'PUT', settings: { methods: ['GET'] }, failures })).tries).toBe(1);
  });

  it('is one for which the budget has nothing left', async () => {
    const settings = { budgetPercent: 0, minimumRetries: 1 };
    const failures = [problem('upstream_reset'), problem('upstream_reset')];
    expect((await attempt({ settings, failures })).tries).toBe(2);
  });
});

describe('a stale connection', () => {
  const settings = { budgetPercent: 0, minimumRetries: 0 };

  it('costs nothing of the budget, once', async () => {
    expect((await attempt({ settings, failures: [reset({ madeBeforeMs: 1 })] })).tries).toBe(2);
    const twice = [reset({ madeBeforeMs: 1 }), reset({ madeBeforeMs: 1 })];
    expect((await attempt({ settings, failures: twice })).tries).toBe(2);
  });

  it('is none that was made for the request', async () => {
    expect((await attempt({ settings, failures: [reset({ madeBeforeMs: -1 })] })).tries).toBe(1);
  });

  it.each(UNSAFE)('is no reason to send a %s twice', async (method) => {
    expect((await attempt({ method, failures: [reset({ madeBeforeMs: 1 })] })).tries).toBe(1);
  });
});

describe('tryTimeoutMs', () => {
  const settings = { tryTimeoutMs: 500 };
  const forever = Number.POSITIVE_INFINITY;

  it('bounds each try behind which there is another one, and not the last', async () => {
    const failures = [problem('upstream_response_timeout'), problem('upstream_response_timeout')];
    expect((await attempt({ settings, instances: 5, failures })).tryMs).toEqual([500, 500, forever]);
  });

  it.each<[string, Situation]>([
    ['nobody else is there to ask', { instances: 1 }],
    ['the method may not be repeated', { instances: 2, method: 'POST' }],
    ['the body is a stream', { instances: 2, method: 'PUT', content: new PassThrough() }],
    ['the budget is empty', { instances: 2, settings: { ...settings, budgetPercent: 0, minimumRetries: 0 } }],
    ['there are no further tries', { instances: 2, settings: { ...settings, attempts: 0 } }],
  ])('bounds nothing if %s', async (_what, situation) => {
    expect((await attempt({ settings, ...situation })).tryMs).toEqual([forever]);
  });

  it('bounds nothing on the last instance', async () => {
    const failures = [problem('upstream_response_timeout')];
    expect((await attempt({ settings, instances: 2, failures })).tryMs).toEqual([500, forever]);
  });
});
