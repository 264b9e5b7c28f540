import type { IncomingMessage } from 'node:http';
import type { RequestHandler } from 'express';
import { contextOf, isExpectingContinue } from '../context.ts';
import { Problem } from '../problem/problem.ts';
import { addressKey } from './address-key.ts';
import { accountKey } from './limit-keys.ts';

/** Longer bodies are no logins; and a request holds more than this before its connection is told to stop. */
const MAX_BODY_BYTES = 16_384;

/** The body of a login comes with its head. Who sends it slowly must not go uncounted meanwhile. */
const BODY_PATIENCE_MS = 2000;

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
    const body = isShortJson(req) ? await readAndPutBack(req) : undefined;
    take(key);
    res.once('close', () => giveBack(key));
    context.login = { account: body && accountOf(body, accountField) };
    next();
  };
  return function beginLogin(req, res, next) {
    const isLogin = contextOf(req).route?.settings.countLoginFailures === true;
    return isLogin ? begin(req, res, next) : next();
  } satisfies RequestHandler;
}

/** A client that waits for `100 Continue` would wait for ever; nobody who logs in does that. */
function isShortJson(req: IncomingMessage): boolean {
  const { 'content-length': length = '0', 'content-type': type = '' } = req.headers;
  const isJson = /^application\/(?:[a-z.-]+\+)?json\b/i.test(type) && req.headers['content-encoding'] === undefined;
  return isJson && Number(length) <= MAX_BODY_BYTES && !isExpectingContinue(req);
}

/**
 * Reads a whole body and puts it back, so that whoever reads it next finds it from its beginning. Undefined, and nothing
 * read, if it is too long or too slow.
 * @throws {Problem} `client_closed` if the client leaves before
 */
function readAndPutBack(req: IncomingMessage): Promise<Buffer | undefined> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      req.off('readable', look).off('close', fail).off('error', fail);
      clearTimeout(timer);
    };
    const giveUp = () => {
      stop();
      resolve(undefined);
    };
    const fail = () => {
      stop();
      // Whatever follows must not end the process.
      req.on('error', () => undefined);
      reject(new Problem('client_closed'));
    };
    const look = () => {
      const { readableLength, complete } = req;
      if (readableLength > MAX_BODY_BYTES) return giveUp();
      if (!complete) return;
      stop();
      // Exactly what is there: to ask for more would end the stream, and nothing could be put back.
      const body = readableLength === 0 ? undefined : (req.read(readableLength) as Buffer);
      if (body !== undefined) req.unshift(body);
      resolve(body);
    };
    const timer = setTimeout(giveUp, BODY_PATIENCE_MS);
    req.on('readable', look).once('close', fail).once('error', fail);
    look();
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
