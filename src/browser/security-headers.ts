import helmet from 'helmet';

/**
 * Stage: what browsers are told on every answer, refusals included. Helmet's defaults, for an API: nothing may be embedded
 * or loaded from it, and its answers may be read by pages of other origins only as far as CORS allows.
 */
export function securityHeaders() {
  return helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
    },
    crossOriginResourcePolicy: { policy: 'same-site' },
    frameguard: { action: 'deny' },
  });
}
