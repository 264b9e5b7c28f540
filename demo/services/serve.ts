import { parseArgs } from 'node:util';
import { z } from 'zod';
import type { TokenSettings } from './auth/sign-access-token.ts';
import { SERVICE_NAMES, type ServiceName, type ServiceOptions, startService } from './start-service.ts';

const USAGE = 'node demo/services/serve.ts auth|crm|tickets [--port N] [--host ADDRESS] [--control-port N]';
const EXIT_USAGE = 64;
const EXIT_FAILED = 1;
const MIN_SECRET_BYTES = 32;
const DEFAULT_PORTS: Readonly<Record<ServiceName, number>> = { auth: 3001, crm: 3002, tickets: 3003 };

const flags = {
  port: { type: 'string' },
  host: { type: 'string', default: '127.0.0.1' },
  'control-port': { type: 'string' },
} as const;

await main();

async function main(): Promise<void> {
  const options = orExit(EXIT_USAGE, () => readOptions(process.argv.slice(2)));
  try {
    const { port, controlPort, close } = await startService(options);
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.once(signal, () => void close().then(() => process.exit(0)));
    }
    console.log(JSON.stringify({ service: options.service, port, controlPort, pid: process.pid }));
  } catch (error) {
    exitWith(EXIT_FAILED, error);
  }
}

/** @throws naming what is wrong and what is allowed */
function readOptions(args: string[]): ServiceOptions {
  const { values, positionals } = parseArgs({ args, options: flags, allowPositionals: true });
  const service = SERVICE_NAMES.find((name) => name === positionals[0]);
  if (!service || positionals.length > 1) {
    throw new Error(`Expected one service of: ${SERVICE_NAMES.join(', ')}; got: ${positionals.join(' ') || 'none'}.`);
  }
  return {
    service,
    host: values.host,
    port: readPort('--port', values.port) ?? DEFAULT_PORTS[service],
    controlPort: readPort('--control-port', values['control-port']),
    tokens: service === 'auth' ? readTokenSettings(process.env) : undefined,
    keysUrl: readKeysUrl(process.env.GATEWAY_KEYS_URL),
  };
}

function readPort(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw new Error(`${flag} is "${text}"; expected a port from 0 (a free one) to 65535.`);
}

function readKeysUrl(text: string | undefined): URL | undefined {
  if (text === undefined) return undefined;
  const url = URL.parse(text);
  if (url !== null && /^https?:$/.test(url.protocol)) return url;
  throw new Error(`GATEWAY_KEYS_URL is "${text}"; expected a URL such as http://localhost:3000/.well-known/jwks.json.`);
}

function readTokenSettings(env: NodeJS.ProcessEnv): TokenSettings {
  const secret = z
    .string({
      error: `missing; expected a secret of ${MIN_SECRET_BYTES} bytes or more, or several, comma-separated`,
    })
    .transform((text) => text.split(',').map((part) => part.trim()))
    .refine((secrets) => secrets.every((part) => Buffer.byteLength(part) >= MIN_SECRET_BYTES), {
      error: `too short; expected every secret to have ${MIN_SECRET_BYTES} bytes or more`,
    });
  const text = z.string({ error: 'missing; expected what the gateway has' }).min(1, { error: 'empty' });
  const result = z.object({ JWT_SECRET: secret, JWT_ISSUER: text, JWT_AUDIENCE: text }).safeParse(env);
  if (!result.success) {
    const wrong = result.error.issues.map(({ path, message }) => `${path.join('.')} is ${message}.`);
    throw new Error(wrong.join('\n'));
  }
  const { JWT_SECRET, JWT_ISSUER: issuer, JWT_AUDIENCE: audience } = result.data;
  // While secrets rotate, the first signs; the others are for the gateway to verify older tokens by.
  return { signingSecret: JWT_SECRET[0] ?? '', issuer, audience };
}

function orExit<Result>(code: number, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    return exitWith(code, error);
  }
}

function exitWith(code: number, error: unknown): never {
  console.error(error instanceof Error ? error.message : error);
  if (code === EXIT_USAGE) console.error(`Usage: ${USAGE}`);
  process.exit(code);
}
