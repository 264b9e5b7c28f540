import { createPrivateKey, type KeyObject } from 'node:crypto';
import { isIPv4 } from 'node:net';
import { z } from 'zod';

/** A time in whole seconds, with its default. */
export const seconds = ({ min, max, default: fallback }: { min: number; max: number; default: number }) =>
  z.int().min(min).max(max).default(fallback);

/** What makes the users of one source of tokens different from those of all others. */
export const subjectPrefix = z
  .string()
  .regex(/^(?!key:)[A-Za-z0-9._:|-]{0,32}$/, 'expected up to 32 letters, digits and ._:|-, but not key: of API keys')
  .optional()
  .describe(
    'Put before `sub`, so that users of two issuers never share an id. Required as soon as tokens come from two sources; an empty one says that the same `sub` is the same person.',
  );

/** A URL that keys or verdicts about tokens come from: whoever can change those answers is everybody's master. */
export const keyUrl = z.string().transform((value, context) => {
  const url = URL.parse(value);
  const isSafe = url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopback(url.hostname));
  if (url !== null && isSafe && url.username + url.password === '' && !value.includes('#')) return url.href;
  const message = 'expected an https:// URL without a user or fragment (http:// only on this machine)';
  context.issues.push({ code: 'custom', message, input: value });
  return z.NEVER;
});

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || (isIPv4(host) && host.startsWith('127.'));
}

/** An Ed25519 private key, as PEM (also with `\\n` for the line breaks, as one-line variables have it) or as JWK. */
export const signingKey = z.string().transform((value, context): KeyObject => {
  try {
    const text = value.trim();
    const key = text.startsWith('{')
      ? createPrivateKey({ key: JSON.parse(text), format: 'jwk' })
      : createPrivateKey(text.replaceAll('\\n', '\n'));
    if (key.asymmetricKeyType === 'ed25519') return key;
  } catch {
    // The reason could repeat a part of the key.
  }
  context.issues.push({ code: 'custom', message: 'expected an Ed25519 private key as PEM or JWK', input: undefined });
  return z.NEVER;
});
