import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { type RequestContext, setContext } from '../../../src/context.ts';
import type { Reason } from '../../../src/problem/catalog.ts';
import { Problem } from '../../../src/problem/problem.ts';
import { withRetry } from '../../../src/upstream/with-retry.ts';

interface Situation {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly failure?: unknown;
  /** What happens to the response while the first call is under way. */
  readonly meanwhile?: (res: ServerResponse) => void;
}

/** Lets the first call fail and the second succeed, and tells how many were made. */
async function attempt({ method = 'GET', headers = {}, failure, meanwhile }: Situation) {
  const req = Object.assign(new IncomingMessage(new Socket()), { method, headers });
  const res = new ServerResponse(req);
  const upstream: { name: string; retries?: number } = { name: 'crm' };
  setContext(req, { upstream } as unknown as RequestContext);
  let calls = 0;
  const forward = withRetry(async () => {
    calls++;
    if (calls > 1) return { status: 200 };
    meanwhile?.(res);
    throw failure ?? new Problem('upstream_reset');
  });
  const outcome = await forward(req, res).catch((error: unknown) => error);
  return { calls, outcome, retries: upstream.retries };
}

describe('a call that ended with a reset', () => {
  it.each(['GET', 'HEAD', 'OPTIONS'])('is made once more for %s, and the trace tells', async (method) => {
    expect(await attempt({ method })).toEqual({ calls: 2, outcome: { status: 200 }, retries: 1 });
  });

  it('is made once more when the body is declared to be empty', async () => {
    expect((await attempt({ headers: { 'content-length': '0' } })).calls).toBe(2);
  });

  it.each(['POST', 'PUT', 'PATCH', 'DELETE'])('is not repeated for %s', async (method) => {
    expect(await attempt({ method })).toMatchObject({ calls: 1, outcome: { reason: 'upstream_reset' } });
  });

  it.each([{ 'content-length': '1' }, { 'transfer-encoding': 'chunked' }])(
    'is not repeated when a body has been sent (%p)',
    async (headers: Record<string, string>) => {
      expect((await attempt({ headers })).calls).toBe(1);
    },
  );

  it('is not repeated when the answer has begun', async () => {
    expect((await attempt({ meanwhile: (res) => res.writeHead(200) })).calls).toBe(1);
  });

  it('is not repeated for a client that has left', async () => {
    expect((await attempt({ meanwhile: (res) => res.destroy() })).calls).toBe(1);
  });
});

describe('a call that ended otherwise', () => {
  const others: Reason[] = [
    'upstream_connect_failed',
    'upstream_response_timeout',
    'upstream_protocol_error',
    'client_closed',
  ];

  it.each(others)('with %s is not repeated', async (reason) => {
    expect((await attempt({ failure: new Problem(reason) })).calls).toBe(1);
  });

  it('with an error of our own is not repeated', async () => {
    const failure = new TypeError('a fault of ours');
    expect(await attempt({ failure })).toMatchObject({ calls: 1, outcome: failure });
  });
});

describe('a second reset', () => {
  it('is the end of it', async () => {
    const req = Object.assign(new IncomingMessage(new Socket()), { method: 'GET' });
    setContext(req, { upstream: { name: 'crm' } } as unknown as RequestContext);
    let calls = 0;
    const forward = withRetry(async () => {
      calls++;
      throw new Problem('upstream_reset');
    });
    await expect(forward(req, new ServerResponse(req))).rejects.toMatchObject({ reason: 'upstream_reset' });
    expect(calls).toBe(2);
  });
});
