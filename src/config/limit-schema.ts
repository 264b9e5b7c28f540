import { isIP } from 'node:net';
import { z } from 'zod';

const DAY_MS = 86_400_000;

/** Whether a text is an address or a CIDR such as 10.0.0.0/8. */
function isRange(text: string): boolean {
  const [address = '', prefix = '0', ...rest] = text.split('/');
  const bits = isIP(address) === 4 ? 32 : 128;
  return isIP(address) !== 0 && rest.length === 0 && /^\d{1,3}$/.test(prefix) && Number(prefix) <= bits;
}

const ranges = z.array(z.string().refine(isRange, 'expected an address or a CIDR such as 10.0.0.0/8')).default([]);

const name = z
  .string()
  .regex(
    /^(?!(?:anonymous|user|login_failures|login-failures|login-account|plan|quota)$)[a-z][a-z0-9-]{0,31}$/,
    'expected a short lower-case name that no limit of the gateway has',
  );

const units = z.int().min(1).max(10_000_000);
const windowMs = z.int().min(1000).max(DAY_MS);

const rate = {
  algorithm: z
    .enum(['fixed', 'sliding', 'token-bucket'])
    .default('fixed')
    .describe(
      '`fixed`: windows that begin with the first request. `sliding`: never more than `limit` in any window. `token-bucket`: `burst` at once, and `limit` per window in the long run.',
    ),
  limit: units.describe('Requests in a window; on a route with a `weight`, each counts as so many.'),
  windowMs: windowMs.describe('In milliseconds.'),
  burst: units.optional().describe('Size of a `token-bucket`; without it `limit`.'),
  onStoreError: z
    .enum(['local', 'allow', 'deny'])
    .default('local')
    .describe(
      'While Redis is away: each worker counts its share, beginning with what it last knew; or requests pass; or they get 503 `overloaded`.',
    ),
};

const policy = z.strictObject({
  key: z
    .union([
      z.enum(['address', 'user', 'tenant', 'apiKey']),
      z.strictObject({ header: z.string().regex(/^[A-Za-z0-9-]{1,64}$/, 'expected the name of a header') }),
    ])
    .describe(
      'Who is counted. A request without a user, tenant or API key is not counted by that policy. `{header: X-Device-Id}` counts by its value, and by address when it is not sent; whoever can make values up is not limited by it.',
    ),
  ...rate,
  mode: z
    .enum(['enforce', 'shadow'])
    .default('enforce')
    .describe('`shadow` counts, and reports in metrics and access log what it would refuse, and refuses nothing.'),
  allow: ranges.describe('Addresses and CIDRs that this policy does not count.'),
  deny: ranges.describe('Addresses and CIDRs that get 403 `ip_denied` where this policy applies.'),
});

const plan = z.strictObject({
  ...rate,
  monthlyQuota: z
    .int()
    .min(1)
    .max(1_000_000_000_000)
    .optional()
    .describe('Requests of a tenant in a calendar month (UTC). Without it as many as it likes.'),
});

/** The keys of `gateway.yaml` that speak of limits, beside the three limits of the environment. */
export const limitSections = {
  addresses: z
    .strictObject({
      allow: ranges.describe('Not limited by address; failed logins count all the same.'),
      deny: ranges.describe('403 `ip_denied` on every route, also if `allow` has them.'),
    })
    .prefault({})
    .describe('Clients that are treated apart, by address or CIDR.'),
  policies: z
    .record(name, policy)
    .default({})
    .describe('Limits by name. They hold on the routes that list them, beside those of the environment.'),
  plans: z
    .record(name, plan)
    .default({})
    .describe('What a tenant may send, by the name of its plan. Counted by tenant, on all routes together.'),
  defaultPlan: z.string().optional().describe('The plan of tenants that have none, or one that is not listed.'),
  logins: z
    .strictObject({
      accountField: z
        .string()
        .regex(/^[A-Za-z0-9_.-]{1,64}$/, 'expected the name of a field')
        .default('email')
        .describe('Field of the JSON body of a login that names the account. It is kept as a hash.'),
      maxPerAccount: units.default(20).describe('Failed logins per account and window, from all addresses together.'),
    })
    .prefault({})
    .describe('How failed logins are counted, beside `AUTH_RATE_LIMIT_MAX`.'),
};

/** The keys of a route that speak of limits. */
export const limitsOfRoute = {
  limits: z.array(z.string()).default([]).describe('Names of `policies` that hold here.'),
  weight: z
    .int()
    .min(1)
    .max(10_000)
    .default(1)
    .describe('What a request counts in `policies`, plans and quotas; the limits of the environment count requests.'),
};

export type PolicySettings = z.output<typeof policy>;
export type PlanSettings = z.output<typeof plan>;

interface Complaint {
  readonly path: readonly PropertyKey[];
  readonly problem: string;
}

/** What is wrong between the limits of a valid file: names that mean nothing, and requests that could never pass. */
export function crossCheckLimits(file: z.output<z.ZodObject<typeof limitSections>> & { routes: readonly Route[] }) {
  const { policies, plans, defaultPlan, routes } = file;
  const complaints: Complaint[] = [];
  const complain = (path: readonly PropertyKey[], problem: string) => void complaints.push({ path, problem });
  const known = Object.keys(policies);
  for (const [index, { limits, weight }] of routes.entries()) {
    for (const [place, limit] of limits.entries()) {
      const found = Object.hasOwn(policies, limit) ? policies[limit] : undefined;
      const path = ['routes', index, 'limits', place];
      if (found === undefined) complain(path, `expected one of ${known.join(', ') || 'policies'}, got "${limit}"`);
      else if (limits.indexOf(limit) !== place) complain(path, `"${limit}" is listed twice`);
      else if (weight > sizeOf(found)) complain(path, `a request of weight ${weight} can never pass "${limit}"`);
    }
    for (const [plan, settings] of Object.entries(plans)) {
      const size = Math.min(sizeOf(settings), settings.monthlyQuota ?? Number.POSITIVE_INFINITY);
      if (weight > size) complain(['routes', index, 'weight'], `a request of weight ${weight} can never pass ${plan}`);
    }
  }
  for (const section of ['policies', 'plans'] as const) {
    for (const [key, { algorithm, burst }] of Object.entries(file[section])) {
      if (burst !== undefined && algorithm !== 'token-bucket') {
        complain([section, key, 'burst'], 'only a token-bucket has a burst');
      }
    }
  }
  if (defaultPlan !== undefined && !Object.hasOwn(plans, defaultPlan)) {
    complain(['defaultPlan'], `expected one of ${Object.keys(plans).join(', ') || 'plans'}, got "${defaultPlan}"`);
  }
  return complaints;
}

interface Route {
  readonly limits: readonly string[];
  readonly weight: number;
}

function sizeOf({ algorithm, limit, burst }: PlanSettings | PolicySettings): number {
  return algorithm === 'token-bucket' ? (burst ?? limit) : limit;
}
