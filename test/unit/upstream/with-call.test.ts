import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { markExpectsContinue, type RequestContext, setContext } from '../../../src/context.ts';
import { Problem } from '../../../src/problem/problem.ts';
import { type Call, callOf } from '../../../src/upstream/call.ts';
import { withCall } from '../../../src/upstream/with-call.ts';
import { upstreamSettings } from '../../support/upstream-settings.ts';

interface Situation {
  readonly headers?: Record<string, string>;
  readonly settings?: Record<string, unknown>;
  readonly route?: Record<string, unknown>;
  readonly isExpectingContinue?: boolean;
}

/** Begins a request, and tells what its tries share. */
function begin({ headers = {}, settings = {}, route = {}, isExpectingContinue = false }: Situation) {
  const req = Object.assign(new IncomingMessage(new Socket()), { method: 'POST', headers });
  if (isExpectingContinue) markExpectsContinue(req);
  const routeSettings = { maxBodyBytes: 1000, ...route };
  setContext(req, { route: { settings: routeSettings } } as unknown as RequestContext);
  let call: Call | undefined;
  const forward = withCall(
    async () => {
      call = callOf(req);
      return { status: 200 };
    },
    { settings: upstreamSettings(settings), clock: () => 5000 },
  );
  const outcome = (async () => forward(req, new ServerResponse(req)))().catch((error: unknown) => error);
  return { req, outcome, call: () => call };
}

describe('the body of a call', () => {
  it.each<[string, Record<string, string>]>([
    ['without one', {}],
    ['of a declared length of nothing', { 'content-length': '0' }],
  ])('%s is none, and nothing is waited for', (_what, headers) => {
    expect(begin({ headers }).call()?.body.content).toBeNull();
  });

  it('that is short is held, and the call begins when it is there', async () => {
    const { req, outcome, call } = begin({ headers: { 'content-length': '5' } });
    req.push('he');
    await turn();
    expect(call()).toBeUndefined();
    req.push('llo');
    req.complete = true;
    req.push(null);
    expect(await outcome).toEqual({ status: 200 });
    expect(call()?.body.content).toEqual(Buffer.from('hello'));
    expect(call()?.body.isWhole()).toBe(true);
  });

  it('that is short ends the call if its client leaves before its end', async () => {
    const { req, outcome, call } = begin({ headers: { 'content-length': '5' } });
    req.push('he');
    req.destroy();
    expect(await outcome).toMatchObject({ reason: 'client_closed' });
    expect(call()).toBeUndefined();
  });

  it.each<[string, Situation]>([
    ['longer than what is held', { headers: { 'content-length': '11' }, settings: { retry: { maxBodyBytes: 10 } } }],
    ['of no declared length', { headers: { 'transfer-encoding': 'chunked' } }],
    ['that its client keeps back until it is asked', { headers: { 'content-length': '5' }, isExpectingContinue: true }],
    [
      'of an upstream without further tries',
      { headers: { 'content-length': '5' }, settings: { retry: { attempts: 0 } } },
    ],
  ])('%s is a stream, and the call begins at once', (_what, situation) => {
    expect(begin(situation).call()?.body.content).toBeInstanceOf(Readable);
  });

  it('that is declared to be too long is refused before anything begins', async () => {
    const { outcome, call } = begin({ headers: { 'content-length': '1001' } });
    const problem = await outcome;
    expect(problem).toBeInstanceOf(Problem);
    expect(problem).toMatchObject({ reason: 'body_too_large' });
    expect(call()).toBeUndefined();
  });
});

describe('the deadlines of a call', () => {
  const upstream = { connectTimeoutMs: 1, headTimeoutMs: 2, idleTimeoutMs: 3, totalTimeoutMs: 4 };

  it('are those of the upstream', () => {
    expect(begin({ settings: upstream }).call()).toMatchObject({
      timeouts: { connectMs: 1, headMs: 2, idleMs: 3 },
      endsAt: 5004,
    });
  });

  it('are those of the route, each where it has one', () => {
    const route = { connectTimeoutMs: 10, headTimeoutMs: 20, idleTimeoutMs: 30, totalTimeoutMs: 40 };
    expect(begin({ settings: upstream, route }).call()).toMatchObject({
      timeouts: { connectMs: 10, headMs: 20, idleMs: 30 },
      endsAt: 5040,
    });
    expect(begin({ settings: upstream, route: { headTimeoutMs: 20 } }).call()).toMatchObject({
      timeouts: { connectMs: 1, headMs: 20, idleMs: 3 },
      endsAt: 5004,
    });
  });

  it('have no end for the whole unless one is set', () => {
    expect(begin({}).call()?.endsAt).toBe(Number.POSITIVE_INFINITY);
  });
});
