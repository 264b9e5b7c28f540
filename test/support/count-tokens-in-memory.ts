// Fills a token cache, and prints how many of the tokens and how many of their callers its memory still holds.
import { getHeapSnapshot } from 'node:v8';
import { tokenCache } from '../../src/auth/token-cache.ts';

const COUNT = 100;
// Put together at run time, so that no source text in the memory looks like them.
const filler = 'z'.repeat(20);

/** A text in one piece, as one that came over the network: what is only concatenated lies in the memory in parts. */
const inOnePiece = (text: string): string => JSON.parse(JSON.stringify(text));

const { callerOf } = tokenCache({
  verify: () => ({ sub: inOnePiece(`owner-${Math.trunc(Math.random() * 1e9)}-${filler}`), exp: 1 }),
  toCaller: ({ sub }) => ({
    userId: sub,
    tenantId: undefined,
    roles: [],
    scopes: [],
    credential: { kind: 'token', jti: undefined, issuedAtSeconds: undefined },
    headers: [],
  }),
  now: () => 0,
});
for (let index = 0; index < COUNT; index++) await callerOf(inOnePiece(`token-${index}-${filler}`));

let snapshot = '';
for await (const chunk of getHeapSnapshot()) snapshot += String(chunk);
const count = (beginning: string) => new Set(snapshot.match(new RegExp(`${beginning}-\\d+-${filler}`, 'g'))).size;
console.log(JSON.stringify({ tokens: count('token'), callers: count('owner') }));
// The cache must outlive the snapshot.
await callerOf(filler);
