import type { RouteSettings } from '../config/schema.ts';
import { gatewayResponses, problemSchema } from './gateway-answers.ts';
import { isObject, type JsonObject } from './json.ts';
import { OWN_TAG, ownPaths, ownSchemas } from './own-endpoints.ts';
import type { PublicPart } from './public-part.ts';

/** How much is known of a service. */
export interface ServicePart {
  /** Name of the upstream. */
  readonly service: string;
  /** `silent`: it has no description. `unread`: not read yet. `stale`: read before, and not readable now. */
  readonly state: 'silent' | 'unread' | 'current' | 'stale';
  /** What was read last. */
  readonly part: PublicPart | undefined;
  /** When that was, in milliseconds since 1970. */
  readonly readAt: number | undefined;
}

/** What a configuration offers, beyond what its routes say. */
export interface ApiFeatures {
  /** Who issues tokens: whoever shares a secret with the gateway, identity providers, or one that is asked about each. */
  readonly tokens: { readonly own: boolean; readonly issuers: boolean; readonly opaque: boolean };
  /** Whether services can verify what the gateway says of callers. */
  readonly publishesKeys: boolean;
  readonly hasQuotas: boolean;
}

interface GatewayDocumentOptions {
  readonly features: ApiFeatures;
  readonly title: string;
  readonly version: string;
  readonly services: readonly ServicePart[];
  readonly routes: readonly RouteSettings[];
}

/** One OpenAPI 3.1 document of the services' parts and the gateway's own. */
export function gatewayDocument({ title, version, services, routes, features }: GatewayDocumentOptions): JsonObject {
  const parts = services.flatMap(({ part }) => part ?? []);
  const own = { schemas: { ...ownSchemas, Problem: problemSchema }, responses: gatewayResponses(features) };
  const apiKeyAuth = { type: 'apiKey', in: 'header', name: 'X-API-Key', description: 'For programs: `psa_…`.' };
  return {
    openapi: '3.1.0',
    info: { title, version, description: introduction(routes, features) },
    tags: [
      ...services.map((service) => tagOf(service, routes)),
      { name: OWN_TAG, description: 'Answered by the gateway itself.' },
    ],
    // Two services may serve different methods of one path.
    paths: twoLevels([...parts.map(({ paths }) => paths), ownPaths(features)]),
    components: {
      ...twoLevels([...parts.map(({ components }) => components), own]),
      securitySchemes: { bearerAuth: bearerAuth(features), apiKeyAuth },
    },
  };
}

/** Where a token comes from. No issuer is named: who can log in there knows it. */
function bearerAuth({ tokens: { own, issuers, opaque } }: ApiFeatures): JsonObject {
  const sources = [
    ...(own ? ['The token that login gives.'] : []),
    ...(issuers || opaque ? [`${own ? 'Or a' : 'A'} token of an identity provider that this gateway trusts.`] : []),
  ];
  const format = opaque ? {} : { bearerFormat: 'JWT' };
  return { type: 'http', scheme: 'bearer', ...format, description: sources.join(' ') };
}

function introduction(routes: readonly RouteSettings[], { hasQuotas }: ApiFeatures): string {
  const login = routes.find(({ countLoginFailures }) => countLoginFailures);
  const logIn = `- **Token**: log in at \`${login?.path}\`, then send \`Authorization: Bearer <token>\` (here: *Authorize*).`;
  return [
    'Everything that this gateway serves: the services behind it, and its own endpoints.\n',
    ...(login === undefined ? [] : [logIn]),
    '- **API key**: programs send `X-API-Key` instead of a token; whoever runs this API issues them.',
    '- **Limits**: `RateLimit-Policy` and `RateLimit` tell what is left; a 429 carries `Retry-After`.',
    ...(hasQuotas
      ? ['- **Quota**: `X-Quota-Remaining` tells what is left of the month, for all callers of a tenant.']
      : []),
    '- **Errors** of the gateway are `application/problem+json` with a `reason`, which also stands in `X-Gateway-Reason`. An error without that header is the service\u2019s own.',
  ].join('\n');
}

/** Says what is known of a service, and above all what is not. */
function tagOf({ service, state, part, readAt }: ServicePart, routes: readonly RouteSettings[]): JsonObject {
  const paths = new Set(routes.filter(({ upstream }) => upstream === service).map(({ path }) => `\`${path}\``));
  const where = `Its routes: ${[...paths].join(', ') || 'none'}.`;
  if (state === 'silent') return { name: service, description: `This service does not describe itself. ${where}` };
  if (part === undefined || readAt === undefined) {
    const description = `**Not available: the description of this service can't be read at the moment.** ${where}`;
    return { name: service, description, 'x-unavailable': true };
  }
  if (state === 'current') return { name: service, description: part.about };
  const lastKnownAt = new Date(readAt).toISOString();
  const mark = `**Not available at the moment.** This is its description as of ${lastKnownAt}.`;
  return {
    name: service,
    description: `${mark}\n\n${part.about}`,
    'x-unavailable': true,
    'x-last-known-at': lastKnownAt,
  };
}

/** Objects of objects as one, joined on both levels. */
function twoLevels(objects: readonly JsonObject[]): JsonObject {
  const joined: Record<string, JsonObject> = {};
  for (const [key, value] of objects.flatMap((object) => Object.entries(object))) {
    if (isObject(value)) joined[key] = { ...joined[key], ...value };
  }
  return joined;
}
