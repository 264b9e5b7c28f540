import { describe, expect, it } from '@jest/globals';
import type { Request } from 'express';
import { stringify } from 'yaml';
import { type Caller, type RequestContext, setContext, type Tenant } from '../../../src/context.ts';
import { checksOfRequest } from '../../../src/rate-limit/checks-of-request.ts';
import { keyOfPolicy } from '../../../src/rate-limit/limit-keys.ts';
import { limitRules } from '../../../src/rate-limit/limit-rules.ts';
import { configOf, minimalFile } from '../../support/configuration.ts';

const policy = { limit: 10, windowMs: 60_000 };
const sections = {
  policies: {
    machine: { ...policy, key: 'apiKey' },
    company: { ...policy, key: 'tenant' },
    partner: { limit: 3, windowMs: 60_000, key: 'apiKey' },
  },
  plans: { free: { ...policy, monthlyQuota: 100 }, premium: { ...policy, limit: 1000 } },
  defaultPlan: 'free',
};
const { gateway, settings } = configOf({
  file: `${minimalFile}    limits: [machine, company]\n${stringify(sections)}`,
});

const caller = (more: Partial<Caller> = {}): Caller => ({
  userId: 'ada',
  tenantId: undefined,
  roles: [],
  scopes: [],
  credential: { kind: 'token', jti: undefined, issuedAtSeconds: undefined },
  headers: [],
  ...more,
});

/** The keys of what a request of this caller has to pass on 21 November 2026, and its limits. */
function checksFor(who: { caller?: Caller; tenant?: Tenant } = {}) {
  const req = { headers: {} } as Request;
  const [route] = gateway.routes;
  const context = { client: { address: '192.0.2.1' }, caller: undefined, route: { settings: route }, ...who };
  setContext(req, context as unknown as RequestContext);
  const now = () => Date.UTC(2026, 10, 21, 12);
  const rules = limitRules(gateway, settings);
  const checks = checksOfRequest({ rules, isExempt: () => false, isAlways: false, now })(req) ?? [];
  return checks.map(({ key, rule }) => `${key} ${rule.limit}`);
}

describe('checksOfRequest', () => {
  it('leaves out the policies that have nobody to count', () => {
    expect(checksFor()).toEqual(['psa:limit:anonymous:192.0.2.1 100']);
    expect(checksFor({ caller: caller() })).toEqual(['psa:limit:user:ada 1000']);
  });

  it('counts an API key by its id, and not the tokens of the same user', () => {
    const byKey = caller({ credential: { kind: 'api_key', keyId: 'k1' } });
    expect(checksFor({ caller: byKey })).toContain('psa:limit:machine:{k1} 10');
  });

  it('adds the policies of an API key to those of the route, each once', () => {
    const byKey = caller({ credential: { kind: 'api_key', keyId: 'k1', limits: ['machine', 'partner'] } });
    expect(checksFor({ caller: byKey })).toEqual([
      'psa:limit:user:ada 1000',
      'psa:limit:machine:{k1} 10',
      'psa:limit:partner:{k1} 3',
    ]);
  });

  it('takes the tenant as the operator keeps it, with its plan, before what the token says', () => {
    const tenant: Tenant = { id: 'acme', status: 'active', plan: 'premium' };
    expect(checksFor({ caller: caller({ tenantId: 'claimed' }), tenant })).toEqual([
      'psa:limit:user:ada 1000',
      'psa:limit:company:{acme} 10',
      'psa:usage:{acme}:2026-11-21 0',
      'psa:limit:plan:{acme} 1000',
    ]);
  });

  it.each([undefined, { id: 'acme', status: 'active', plan: 'gone' } as const])(
    'gives a tenant without a listed plan the default one, with its quota',
    (tenant) => {
      const checks = checksFor({ caller: caller({ tenantId: 'acme' }), ...(tenant && { tenant }) });
      expect(checks).toEqual(expect.arrayContaining(['psa:limit:plan:{acme} 10', 'psa:quota:{acme}:2026-11 100']));
    },
  );
});

describe('the key of a policy', () => {
  it('is another one for each algorithm, since each keeps something else there', () => {
    const keys = (['fixed', 'sliding', 'token-bucket'] as const).map((algorithm) =>
      keyOfPolicy({ name: 'company', algorithm }, { kind: 'tenant', id: 'acme' }),
    );
    expect(keys).toEqual([
      'psa:limit:company:{acme}',
      'psa:limit:company:{acme}:sliding',
      'psa:limit:company:{acme}:token-bucket',
    ]);
  });
});
