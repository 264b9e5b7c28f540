/** Who caused a problem: it decides who is told what, and whether a breaker may count it. */
export type ProblemSource = 'client' | 'upstream' | 'gateway';

/** One error that the gateway can answer. */
export interface CatalogEntry {
  readonly status: number;
  readonly title: string;
  readonly source: ProblemSource;
  /** What the caller is told when the thrower says nothing more precise. */
  readonly detail: string;
}

const client = (status: number, title: string, detail: string): CatalogEntry => ({
  status,
  title,
  source: 'client',
  detail,
});
const upstream = (status: number, title: string, detail: string): CatalogEntry => ({
  status,
  title,
  source: 'upstream',
  detail,
});
const gateway = (status: number, title: string, detail: string): CatalogEntry => ({
  status,
  title,
  source: 'gateway',
  detail,
});

/**
 * Every error that the gateway answers, by its reason. The reasons are one closed vocabulary: the same word stands in the
 * body, in `X-Gateway-Reason`, in the access log and in metric labels.
 */
export const catalog = {
  route_not_found: client(404, 'Route not found', 'No route of this gateway matches the path.'),
  method_not_allowed: client(
    405,
    'Method not allowed',
    'The route exists, but not for this method; see the Allow header.',
  ),
  invalid_request: client(400, 'Invalid request', 'The request is not valid HTTP, or not safe to forward.'),
  header_too_large: client(431, 'Request header too large', 'The request line and headers exceed the limit.'),
  body_too_large: client(413, 'Request body too large', 'The request body exceeds the limit of this route.'),

  auth_missing: client(401, 'Authentication required', 'Send a token: `Authorization: Bearer <JWT>`.'),
  auth_malformed: client(
    401,
    'Malformed credentials',
    'Expected `Authorization: Bearer <JWT>` with one well-formed JWT.',
  ),
  token_expired: client(401, 'Token expired', 'The token has expired; get a new one.'),
  token_not_yet_valid: client(401, 'Token not yet valid', 'The token is not valid yet.'),
  token_signature_invalid: client(401, 'Token signature invalid', 'The token was not signed by an accepted key.'),
  token_claims_invalid: client(401, 'Token claims invalid', 'A claim of the token is missing or not acceptable.'),
  token_revoked: client(401, 'Token revoked', 'The token has been revoked; log in again.'),
  jwks_unavailable: gateway(503, 'Keys unavailable', 'The keys that verify this token can not be fetched now.'),
  scope_missing: client(403, 'Not allowed', 'The token is valid, but its owner may not do this.'),
  tenant_suspended: client(403, 'Tenant suspended', 'The tenant of this caller is suspended; ask who runs this API.'),
  ip_denied: client(403, 'Address denied', 'Requests from this address are refused.'),

  rate_limited_ip: client(429, 'Too many requests', 'Too many requests without a valid token from this address.'),
  rate_limited_user: client(429, 'Too many requests', 'Too many requests by this user.'),
  rate_limited_auth_failures: client(429, 'Too many failed logins', 'Too many failed logins from this address.'),
  overloaded: gateway(503, 'Overloaded', 'The gateway is at its capacity; try again shortly.'),

  breaker_open: upstream(503, 'Service unavailable', 'The service has been failing and is not called for the moment.'),
  no_healthy_upstream: upstream(503, 'Service unavailable', 'No instance of the service is healthy.'),
  upstream_connect_failed: upstream(502, 'Bad gateway', 'The service could not be reached.'),
  upstream_connect_timeout: upstream(504, 'Gateway timeout', 'The service did not accept a connection in time.'),
  upstream_response_timeout: upstream(504, 'Gateway timeout', 'The service did not answer in time.'),
  upstream_reset: upstream(502, 'Bad gateway', 'The service closed the connection before it answered.'),
  upstream_protocol_error: upstream(502, 'Bad gateway', 'The answer of the service was not valid HTTP.'),

  client_closed: client(499, 'Client closed the connection', 'The client left before it was answered.'),
  draining: gateway(503, 'Shutting down', 'This worker is shutting down; send the request again.'),
  internal_error: gateway(500, 'Internal error', 'The gateway failed; the request id finds the cause in its log.'),
} as const satisfies Record<string, CatalogEntry>;

/** The closed vocabulary of reasons. */
export type Reason = keyof typeof catalog;
