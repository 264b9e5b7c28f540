import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { join } from 'node:path';

/** Variables of the user's shell that the demo's processes get. Anything else could change how they behave. */
const INHERITED = ['PATH', 'HOME', 'USER', 'LANG', 'TZ', 'TMPDIR'];

/** What the user's shell gives to the processes of the demo. */
export function inheritedEnvironment(environment: NodeJS.ProcessEnv): Record<string, string> {
  const entries = INHERITED.map((name) => [name, environment[name]] as const);
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => entry[1] !== undefined));
}

/** What gateway and auth service share: a secret made for this run, so that a token of the demo is worth nothing elsewhere. */
export function tokenSettings() {
  return {
    JWT_SECRET: randomBytes(48).toString('base64url'),
    JWT_ISSUER: 'psa-auth',
    JWT_AUDIENCE: 'psa-api',
  };
}

/**
 * Every setting of the gateway, also those that are as shipped: a `.env` in the repository must not reach the demo, and
 * what the environment says wins over it.
 */
export function gatewaySettings({ folder, ports }: { folder: string; ports: Readonly<Record<PortName, number>> }) {
  const at = (scheme: string, port: number) => `${scheme}://127.0.0.1:${port}`;
  return {
    NODE_ENV: 'production',
    HOST: '127.0.0.1',
    PORT: String(ports.gateway),
    ADMIN_PORT: String(ports.admin),
    ADMIN_HOST: '127.0.0.1',
    SERVICE_NAME: 'psa-api-gateway',
    LOG_LEVEL: 'info',
    LOG_DIR: join(folder, 'logs'),
    GATEWAY_CONFIG: join(folder, 'gateway.yaml'),
    REDIS_URL: at('redis', ports.redis),
    AUTH_SERVICE_URL: at('http', ports.auth),
    CRM_SERVICE_URL: at('http', ports.crm),
    TICKETS_SERVICE_URL: at('http', ports.tickets),
    ALLOWED_ORIGINS: 'http://localhost:5173',
    TRUST_PROXY: 'loopback',
    RATE_LIMIT_WINDOW_MS: '900000',
    RATE_LIMIT_MAX_REQUESTS: '100',
    AUTH_RATE_LIMIT_MAX: '5',
    USER_RATE_LIMIT_MAX: '1000',
    SHUTDOWN_GRACE_MS: '10000',
    PM2_INSTANCES: '2',
    ASSERTION_KEY: assertionKey(),
  };
}

/** What the gateway signs with, for the services, who is calling. It has no space, so that `env $(cat …)` can set it. */
function assertionKey(): string {
  return JSON.stringify(generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' }));
}

type PortName = 'gateway' | 'admin' | 'redis' | 'auth' | 'crm' | 'tickets';
