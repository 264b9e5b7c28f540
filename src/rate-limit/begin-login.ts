import type { IncomingMessage } from 'node:http';
import type { RequestHandler } from 'express';
import { contextOf, isExpectingContinue } from '../context.ts';
import { Problem } from '../problem/problem.ts';
import { addressKey } from './address-key.ts';
import { accountKey } from './limit-keys.ts';

/** Longer bodies are no logins; the smallest of what nginx and services take is more. */
const MAX_BODY_BYTES = 16_384;

/**
 * Logins under way at a time, per address and worker. Their failures are known only when they end, so this is how many can
 * be tried at once, each with another account; and how many people behind one address can log in at the same moment.
 */
const MAX_UNDER_WAY = 50;

/** Stage: finds out as whom a client tries to log in, on routes whose failures count. The body stays there to be sent. */
export function beginLogin({ accountField }: { accountField: string }) {
  const places = new Map<string, number>();
  const take = (key: string) => {
    const taken = places.get(key) ?? 0;
    if (taken >= MAX_UNDER_WAY) throw new Problem('rate_limited_auth_failures', { retryAfterSeconds: 1 });
    places.set(key, taken + 1);
  };
  const giveBack = (key: string) => {
    const taken = places.get(key) ?? 0;
    if (taken > 1) places.set(key, taken - 1);
    else places.delete(key);
  };
  const begin: RequestHandler = async (req, res, next) => {
    const context = contextOf(req);
    const key = addressKey(context.client.address);
    take(key);
    res.once('close', () => giveBack(key));
    const body = await shortJsonBody(req);
    context.login = { account: body && accountOf(body, accountField) };
    next();
  };
  return function beginLogin(req, res, next) {
    const isLogin = contextOf(req).route?.settings.countLoginFailures === true;
    return isLogin ? begin(req, res, next) : next();
  } satisfies RequestHandler;
}

/** A client that waits for `100 Continue` would wait for ever; nobody who logs in does that. */
function shortJsonBody(req: IncomingMessage): Promise<Buffer> | undefined {
  const bytes = Number(req.headers['content-length'] ?? 0);
  const isJson = /^application\/(?:[a-z.-]+\+)?json\b/i.test(req.headers['content-type'] ?? '');
  const isReadable = isJson && req.headers['content-encoding'] === undefined && !isExpectingContinue(req);
  return isReadable && bytes > 0 && bytes <= MAX_BODY_BYTES ? readAndPutBack(req, bytes) : undefined;
}

/**
 * Reads a whole body and puts it back, so that whoever reads it next finds it from its beginning.
 * @throws {Problem} `client_closed` if the client leaves before
 */
function readAndPutBack(req: IncomingMessage, bytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const stop = () => req.off('readable', take).off('close', fail).off('error', fail);
    const fail = () => {
      stop();
      // Whatever follows must not end the process.
      req.on('error', () => undefined);
      reject(new Problem('client_closed'));
    };
    const take = () => {
      // Nothing, until all of it is there.
      const body = req.read(bytes) as Buffer | null;
      if (body === null) return;
      stop();
      req.unshift(body);
      resolve(body);
    };
    req.on('readable', take).once('close', fail).once('error', fail);
    take();
  });
}

/** The key of the account that a body names; undefined if it names none that this gateway can read. */
function accountOf(body: Buffer, field: string): string | undefined {
  try {
    const value: unknown = (JSON.parse(body.toString()) as Record<string, unknown> | null)?.[field];
    return typeof value === 'string' && value.trim() !== '' ? accountKey(value) : undefined;
  } catch {
    return undefined;
  }
}
