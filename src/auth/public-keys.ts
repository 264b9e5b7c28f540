import { compactVerify, errors, importJWK, type JWK } from 'jose';
import type { Algorithm } from '../config/schema.ts';

/** One key with one algorithm: the only one that it verifies. @see RFC 8725 §3.1 */
export interface PublicKey {
  /** The same for the same key and algorithm, in every set that it is in. */
  readonly id: string;
  readonly kid: string | undefined;
  readonly algorithm: Algorithm;
  /** Whether it has signed this JWT. */
  verifies(token: string): Promise<boolean>;
}

/** A set with more is not what it should be. */
const MAX_KEYS = 50;

/**
 * Shorter ones can be broken; longer ones, and larger exponents, make whoever verifies work for whoever sends. With an
 * exponent of 1 every text is its own signature, and an even one belongs to no key.
 */
const RSA = { minBits: 2048, maxBits: 8192, minExponent: 3, maxExponent: 0xffffffff };

/** What makes a public key, by type. Nothing else of it is imported, and nothing private. */
const MEMBERS: ReadonlyMap<unknown, readonly string[]> = new Map([
  ['RSA', ['kty', 'n', 'e']],
  ['EC', ['kty', 'crv', 'x', 'y']],
  ['OKP', ['kty', 'crv', 'x']],
]);

const CURVES: ReadonlyMap<Algorithm, string> = new Map([
  ['ES256', 'P-256'],
  ['ES384', 'P-384'],
  ['ES512', 'P-521'],
  ['EdDSA', 'Ed25519'],
]);

/**
 * The keys of a JSON Web Key Set that can verify one of these algorithms. What is for something else is left out: keys for
 * encryption, unknown kinds, and symmetric keys, which would be no secret where everybody can read them.
 * The only file that knows jose.
 * @throws {Error} if it is no key set, too large, or without any such key
 * @see RFC 7517
 */
export async function publicKeys(document: unknown, algorithms: readonly Algorithm[]): Promise<PublicKey[]> {
  const { keys } = (document ?? {}) as { keys?: unknown };
  if (!Array.isArray(keys)) throw new Error('the answer is no key set');
  if (keys.length > MAX_KEYS) throw new Error(`more than ${MAX_KEYS} keys`);
  const usable = await Promise.all(keys.flatMap((jwk) => algorithms.map((algorithm) => publicKey(jwk, algorithm))));
  const found = usable.filter((key) => key !== undefined);
  // Rather a mistake than the wish to lock everybody out.
  if (found.length === 0) throw new Error('no key of the set is usable');
  return found;
}

async function publicKey(jwk: unknown, algorithm: Algorithm): Promise<PublicKey | undefined> {
  if (typeof jwk !== 'object' || jwk === null || !isFor(jwk, algorithm)) return undefined;
  const members = MEMBERS.get(jwk.kty) ?? [];
  const bare = Object.fromEntries(members.map((name) => [name, jwk[name as keyof JWK]])) as JWK;
  try {
    const key = await importJWK(bare, algorithm);
    if (key instanceof Uint8Array || !isOfGoodSize(key.algorithm)) return undefined;
    return {
      id: `${algorithm} ${JSON.stringify(bare)}`,
      kid: jwk.kid,
      algorithm,
      verifies: (token) => isSignedWith(token, { key, algorithm }),
    };
  } catch {
    return undefined;
  }
}

/** Whether a key may be used so, by all that it says of itself. */
function isFor(jwk: JWK, algorithm: Algorithm): jwk is JWK & { kty: string } {
  const { kty, crv, alg, use, key_ops: operations, kid } = jwk as Readonly<Record<string, unknown>>;
  const curve = CURVES.get(algorithm);
  const fits = curve === undefined ? kty === 'RSA' : MEMBERS.has(kty) && crv === curve;
  if (!fits || (alg !== undefined && alg !== algorithm)) return false;
  if (use !== undefined && use !== 'sig') return false;
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) return false;
  return kid === undefined || typeof kid === 'string';
}

interface RsaSize {
  readonly modulusLength: number;
  readonly publicExponent: Uint8Array;
}

function isOfGoodSize(algorithm: object): boolean {
  const { modulusLength: bits, publicExponent = new Uint8Array() } = algorithm as Partial<RsaSize>;
  if (bits === undefined) return true;
  const exponent = publicExponent.reduce((value, byte) => value * 256 + byte, 0);
  const isUsual = exponent % 2 === 1 && exponent >= RSA.minExponent && exponent <= RSA.maxExponent;
  return isUsual && bits >= RSA.minBits && bits <= RSA.maxBits;
}

async function isSignedWith(
  token: string,
  { key, algorithm }: { key: Parameters<typeof compactVerify>[1]; algorithm: Algorithm },
): Promise<boolean> {
  try {
    await compactVerify(token, key, { algorithms: [algorithm] });
    return true;
  } catch (error) {
    if (error instanceof errors.JOSEError) return false;
    throw error;
  }
}
