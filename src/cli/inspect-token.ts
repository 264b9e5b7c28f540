import jwt from 'jsonwebtoken';
import { sharedSecretKeys } from '../auth/signing-keys.ts';
import { verifyToken } from '../auth/verify-token.ts';
import type { Settings } from '../config/schema.ts';
import { Problem } from '../problem/problem.ts';
import { whatHelps } from '../problem/what-helps.ts';
import { CliError } from './cli-error.ts';
import { duration, fields, moment } from './layout.ts';
import type { Report } from './report.ts';

interface Context {
  readonly settings: Settings;
  readonly now: () => number;
}

/** As the gateway has it for tokens of a shared secret. */
const LEEWAY_SECONDS = 5;

/** Algorithms of key pairs. */
const OF_ISSUERS = /^(?:[RPE]S\d|EdDSA)/;

const NOT_JUDGED = 'Only tokens signed with JWT_SECRET are. The running gateway has the keys of other issuers.';

type Claims = Readonly<Record<string, unknown>>;

/** Tells what a token says and whether the gateway would accept it. Neither it nor a secret is repeated. */
export function inspectToken(token: string, context: Context): Report {
  const decoded = jwt.decode(token, { complete: true });
  if (decoded === null) {
    throw new CliError(
      'usage',
      'This is no JWT: expected three parts with dots between, the first two JSON in base64url.',
    );
  }
  const { header, payload } = decoded;
  const claims: Claims = typeof payload === 'string' ? { payload } : payload;
  const isJudged = !OF_ISSUERS.test(header.alg) && context.settings.JWT_SECRET !== undefined;
  const refusal = isJudged ? refusalOf(token, context) : undefined;
  const signedBy = isJudged && refusal === undefined ? secretOf(token, context) : undefined;
  const said = fields(
    Object.fromEntries(Object.entries(claims).map(([name, value]) => [name, claimText(name, value, context.now())])),
  );
  const found = fields({
    Accepted: isJudged ? acceptance(refusal) : 'not judged here',
    Because: isJudged ? refusal?.message : NOT_JUDGED,
    'What helps': refusal === undefined ? undefined : whatHelps(refusal.reason),
    'Signed with': `${header.alg}${signedBy === undefined ? '' : `, ${signedBy}`}`,
  });
  return {
    text: `${found}\n\n${said}`,
    data: {
      accepted: isJudged ? refusal === undefined : null,
      ...(refusal && reasonOf(refusal)),
      header,
      claims,
      signedBy,
    },
    isFinding: refusal !== undefined,
  };
}

function acceptance(refusal: Problem | undefined): string {
  return refusal === undefined ? 'yes, unless it is revoked' : `no: ${refusal.status} ${refusal.reason}`;
}

function refusalOf(token: string, { settings, now }: Context): Problem | undefined {
  const { JWT_SECRET = [], JWT_ISSUER: issuer = '', JWT_AUDIENCE: audience = '' } = settings;
  const keys = sharedSecretKeys(JWT_SECRET);
  const verify = verifyToken({ keys, issuer, audience: [audience], leewaySeconds: LEEWAY_SECONDS, now });
  try {
    verify(token);
    return undefined;
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
}

/** After a rotation it matters which secret a token depends on. */
function secretOf(token: string, context: Context): string | undefined {
  const { JWT_SECRET = [] } = context.settings;
  if (JWT_SECRET.length < 2) return undefined;
  const index = JWT_SECRET.findIndex(
    (secret) => refusalOf(token, { ...context, settings: { ...context.settings, JWT_SECRET: [secret] } }) === undefined,
  );
  return index === 0 ? 'the first secret' : `secret ${index + 1} of ${JWT_SECRET.length}, an old one`;
}

function reasonOf({ reason, status, message }: Problem) {
  return { status, reason, detail: message, whatHelps: whatHelps(reason) };
}

function claimText(name: string, value: unknown, nowMs: number): string {
  const isTime = typeof value === 'number' && ['exp', 'iat', 'nbf'].includes(name) && Math.abs(value) < 8.64e12;
  if (!isTime) return typeof value === 'string' ? value : JSON.stringify(value);
  const seconds = Math.round(value - nowMs / 1000);
  return `${moment(value * 1000)} (${seconds <= 0 ? `${duration(-seconds)} ago` : `in ${duration(seconds)}`})`;
}
