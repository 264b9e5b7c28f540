import helmet from 'helmet';

/**
 * Stage: what browsers are told on every answer, refusals included. For an API: nothing may be embedded or loaded from it,
 * nothing is guessed about it, and its answers may be read by pages of other origins only as far as CORS allows.
 */
export function securityHeaders() {
  return helmet({
    contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
    crossOriginResourcePolicy: { policy: 'same-site' },
    frameguard: { action: 'deny' },
    // These speak to documents, plug-ins and browsers that an API has nothing to do with, on every answer.
    crossOriginOpenerPolicy: false,
    dnsPrefetchControl: false,
    ieNoOpen: false,
    originAgentCluster: false,
    permittedCrossDomainPolicies: false,
    xssFilter: false,
  });
}
