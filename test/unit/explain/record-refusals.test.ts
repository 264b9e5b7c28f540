import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import { type RequestContext, setContext } from '../../../src/context.ts';
import { recordRefusals } from '../../../src/explain/record-refusals.ts';
import type { Refusal } from '../../../src/explain/refusal.ts';
import { masked } from '../../../src/observe/log-secrets.ts';
import { Problem } from '../../../src/problem/problem.ts';

interface Refused {
  readonly path?: string;
  readonly detail?: string;
  readonly userId?: string;
  readonly tenantId?: string;
  readonly limits?: number;
}

const TOKEN = `eyJ${'hbGciOi'.repeat(5)}.eyJ${'zdWIiOi'.repeat(5)}.${'c2lnbmF'.repeat(6)}`;

/** The text that a refusal leaves in Redis. */
function kept({ path = '/api/crm/x', detail = 'No.', userId = 'u', tenantId = 't', limits = 1 }: Refused): string {
  let text = '';
  const record = recordRefusals({
    link: {
      isAway: () => false,
      command: (_set, _key, value = '') => {
        text = value;
        return Promise.resolve('OK');
      },
    },
    entriesPerSecond: 100,
    masked,
    breakers: () => ({}),
    instances: () => ({}),
    time: { clock: () => 0, now: () => 0 },
  });
  const req = { method: 'GET' } as IncomingMessage;
  const context: Partial<RequestContext> = {
    requestId: 'a'.repeat(128),
    path,
    route: { name: `/api/${'r'.repeat(200)}/*` } as NonNullable<RequestContext['route']>,
    client: { address: '2001:0db8:0000:0000:0000:ff00:0042:8329' } as RequestContext['client'],
    caller: { userId, tenantId } as NonNullable<RequestContext['caller']>,
    upstream: undefined,
  };
  setContext(req, context as RequestContext);
  const header = Array.from({ length: limits }, (_, index) => `"limit-${index}-${'n'.repeat(23)}";r=999999;t=86400`);
  const res = { getHeader: () => header.join(', ') } as unknown as ServerResponse;
  record(new Problem('scope_missing', { detail }), req, res);
  return text;
}

const entryOf = (refused: Refused) => JSON.parse(kept(refused)) as Refusal;

describe('what a refusal leaves', () => {
  it('has no token of its path, also of one that is cut', () => {
    expect(entryOf({ path: `/api/crm/${TOKEN}` }).path).toBe('/api/crm/***');
    expect(entryOf({ path: `/reset;token=${'s'.repeat(12)}` }).path).not.toContain('sss');
    // Where the cut leaves so little of it that it looks like nothing in particular.
    const long = entryOf({ path: `/${'x'.repeat(503)}/${TOKEN}` }).path;
    expect(long).not.toContain('eyJ');
  });

  it.each([
    ['path', { path: `/${'x'.repeat(2000)}` }, 512],
    ['detail', { detail: 'd'.repeat(2000) }, 256],
    ['tenant', { tenantId: 't'.repeat(2000) }, 128],
  ] as const)('has no more of its %s than is needed to know it again', (name, refused, length) => {
    expect(entryOf(refused)[name]).toHaveLength(length);
  });

  it('has eight limits at most', () => {
    expect(entryOf({ limits: 100 }).limits).toHaveLength(8);
  });

  it('stays below 4 KiB when every part of it is as long as can be, and still says whose it is and why', () => {
    const userId = '😀'.repeat(255);
    const worst = { path: `/${'x'.repeat(2000)}`, detail: '€'.repeat(2000), tenantId: '\u0001'.repeat(2000) };
    const text = kept({ ...worst, userId, limits: 100 });
    expect(Buffer.byteLength(text)).toBeLessThan(4096);
    expect(JSON.parse(text)).toMatchObject({ user: userId, reason: 'scope_missing', detail: '€'.repeat(256) });
  });
});
