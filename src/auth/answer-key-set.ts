import type { RequestHandler } from 'express';
import { contextOf } from '../context.ts';
import type { PublishedKey } from './sign-assertion.ts';

const PATH = '/.well-known/jwks.json';

/** A key is published for longer than this before it signs: whoever has the older set would refuse what it signs. */
const MAX_AGE_SECONDS = 300;

/**
 * Stage: answers with the public keys of the assertions. Never limited: services that can't get it refuse everybody.
 * @param keys without any, the path is an ordinary one
 */
export function answerKeySet({ keys }: { keys: readonly PublishedKey[] }) {
  const body = JSON.stringify({ keys });
  return function answerKeySet(req, res, next) {
    if (keys.length === 0 || contextOf(req).path !== PATH) return next();
    if (req.method !== 'GET' && req.method !== 'HEAD') return next();
    res.setHeader('Cache-Control', `public, max-age=${MAX_AGE_SECONDS}`);
    res.setHeader('Content-Type', 'application/jwk-set+json');
    res.setHeader('Content-Length', Buffer.byteLength(body));
    res.end(body);
  } satisfies RequestHandler;
}
