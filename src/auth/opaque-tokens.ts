import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { IntrospectionSettings } from '../config/schema.ts';
import type { Caller } from '../context.ts';
import { Problem } from '../problem/problem.ts';
import { type Claims, checkClaims } from './check-claims.ts';
import { fetchJson } from './fetch-json.ts';
import { unauthorized } from './unauthorized.ts';

/** Tokens that only their issuer can read: it is asked about them. */
export interface OpaqueTokens {
  /**
   * At once if the token is known.
   * @throws {Problem} (or the promise rejects with one) if it is not active, or if nobody can be asked
   */
  callerOf(token: string): Caller | Promise<Caller>;
  /** Whether the last question got no answer. */
  isFailing(): boolean;
  close(): void;
}

interface OpaqueTokensOptions {
  readonly settings: IntrospectionSettings;
  readonly toCaller: (claims: Claims) => Caller;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly logger: { warn(message: string, details: object): void; info(message: string, details: object): void };
}

/** What is known of a token, and until when. */
interface Verdict {
  readonly caller: Caller | Problem;
  readonly untilMs: number;
}

/** What the server says of a token. */
type Answer = Readonly<Record<string, unknown>> & { readonly active: boolean };

/** Of each verdict, so that strangers with made-up tokens can't push out those that are good. */
const MAX_ENTRIES = 10_000;
const MAX_BYTES = 65_536;

/** After a failure nobody is asked for so long: who is down gets no storm of questions, and no request waits in vain. */
const PAUSE_MS = 1000;

/** Our clock and theirs. */
const LEEWAY_SECONDS = 5;

/**
 * Asks an authorisation server about tokens, each only once at a time, and remembers what it said.
 * @see RFC 7662
 */
export function opaqueTokens(options: OpaqueTokensOptions): OpaqueTokens {
  const { settings, now } = options;
  const server = authorisationServer(options);
  const verdicts = verdictMemory(options);
  const underWay = new Map<string, Promise<Caller>>();
  const learn = async (key: string, token: string) => {
    try {
      return verdicts.judge(key, await server.ask(token));
    } finally {
      underWay.delete(key);
    }
  };
  return {
    callerOf(token) {
      const key = hash('sha256', token, 'base64');
      const known = verdicts.get(key);
      if (known !== undefined) return callerIn(known);
      const asked = underWay.get(key);
      if (asked !== undefined) return asked;
      if (server.isPaused(now()) || underWay.size >= settings.maxConcurrent) throw unavailable();
      const learning = learn(key, token);
      underWay.set(key, learning);
      return learning;
    },
    isFailing: server.isFailing,
    close: server.close,
  };
}

/** What was said of tokens, by their hashes. */
function verdictMemory({ settings, toCaller, now }: OpaqueTokensOptions) {
  const active = new LRUCache<string, Verdict>({ max: MAX_ENTRIES });
  const inactive = new LRUCache<string, Verdict>({ max: MAX_ENTRIES });
  const verdictOn = (answer: Answer): Verdict => {
    const nowMs = now();
    try {
      const claims = activeClaims(answer, { settings, nowMs });
      const untilMs = Math.min(claims.exp * 1000, nowMs + settings.cacheSeconds * 1000);
      return { caller: { ...toCaller(claims), validUntilMs: validUntilMs(answer) }, untilMs };
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      return { caller: error, untilMs: nowMs + settings.inactiveCacheSeconds * 1000 };
    }
  };
  return {
    get(key: string): Verdict | undefined {
      const verdict = active.get(key) ?? inactive.get(key);
      return verdict !== undefined && verdict.untilMs > now() ? verdict : undefined;
    },
    /** @throws {Problem} if the token is not active, or not for us */
    judge(key: string, answer: Answer): Caller {
      const verdict = verdictOn(answer);
      active.delete(key);
      inactive.delete(key);
      (verdict.caller instanceof Problem ? inactive : active).set(key, verdict);
      return callerIn(verdict);
    },
  };
}

/** Who is asked, with a pause after each failure. @see RFC 7662 §2.1 */
function authorisationServer({ settings, now, logger }: OpaqueTokensOptions) {
  const { url, timeoutMs, clientId, clientSecret } = settings;
  // Encoded one by one, so that a colon in one of them stays where it is. @see RFC 6749 §2.3.1
  const credentials = [clientId, clientSecret].map(encodeURIComponent).join(':');
  const headers = { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` };
  const ending = new AbortController();
  const limits = { timeoutMs, maxBytes: MAX_BYTES, signal: ending.signal };
  let pausedUntilMs = 0;
  let isFailing = false;
  return {
    isPaused: (nowMs: number) => nowMs < pausedUntilMs,
    isFailing: () => isFailing,
    close: () => ending.abort(),
    /** @throws {Problem} `jwks_unavailable` if there is no answer */
    async ask(token: string): Promise<Answer> {
      try {
        const form = new URLSearchParams({ token, token_type_hint: 'access_token' });
        const answer = answerIn(await fetchJson(url, { ...limits, form, headers }));
        if (isFailing) logger.info('the introspection of tokens works again', { url });
        isFailing = false;
        return answer;
      } catch (error) {
        pausedUntilMs = now() + PAUSE_MS;
        if (!isFailing) logger.warn('the introspection of tokens fails', { url, error: String(error) });
        isFailing = true;
        throw unavailable(error);
      }
    },
  };
}

/** @see RFC 7662 §2.2 */
function answerIn(content: unknown): Answer {
  const isObject = typeof content === 'object' && content !== null && 'active' in content;
  if (isObject && typeof content.active === 'boolean') return content as Answer;
  throw new Error('the answer does not say whether the token is active');
}

/** @throws {Problem} if the token is not active, or not for us */
function activeClaims(answer: Answer, { settings, nowMs }: { settings: IntrospectionSettings; nowMs: number }): Claims {
  if (!answer.active) throw unauthorized('token_claims_invalid', { detail: 'The token is not active.' });
  const nowSeconds = Math.floor(nowMs / 1000);
  // Not every server says when a token expires; it is asked again soon enough.
  const claims = { ...answer, exp: answer.exp ?? nowSeconds + settings.cacheSeconds };
  const { issuer, audience, subjectPrefix = '' } = settings;
  const checked = checkClaims(claims, { issuer, audience, leewaySeconds: LEEWAY_SECONDS, nowSeconds });
  return { ...checked, sub: subjectPrefix + checked.sub };
}

/** Undefined for a token whose server does not say when it ends. */
function validUntilMs({ exp }: Answer): number | undefined {
  return typeof exp === 'number' ? (exp + LEEWAY_SECONDS) * 1000 : undefined;
}

function callerIn({ caller }: Verdict): Caller {
  if (caller instanceof Problem) throw caller;
  return caller;
}

function unavailable(cause?: unknown): Problem {
  return new Problem('jwks_unavailable', {
    detail: 'Whether this token is valid can not be found out now.',
    retryAfterSeconds: PAUSE_MS / 1000,
    cause,
  });
}
