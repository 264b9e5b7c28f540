import { recordTable } from '../shared-state/record-table.ts';
import type { SendCommand, StoredRecord } from '../shared-state/stored-record.ts';
import { type KeyRecord, keyTable, lastUseKey } from './key-record.ts';
import { hashOfSecret, newKeyId, newSecret, textOfKey } from './key-text.ts';

/** What the operator says of a new key. */
export interface NewKey {
  readonly owner: string;
  readonly name?: string | undefined;
  readonly tenantId?: string | undefined;
  readonly roles?: readonly string[] | undefined;
  readonly scopes?: readonly string[] | undefined;
  /** Names of policies of `gateway.yaml`. */
  readonly limits?: readonly string[] | undefined;
  /** Milliseconds since 1970. Without it the key is valid until it is revoked. */
  readonly expiresAtMs?: number | undefined;
}

/** A key with its secret: it can't be shown a second time. */
export interface IssuedKey {
  readonly id: string;
  /** `psa_<id>_<secret>`, for `X-API-Key` or `Authorization: ApiKey`. */
  readonly key: string;
}

/** A key as the operator sees it, without anything that its secret could be checked with. */
export interface ListedKey extends Omit<KeyRecord, 'secrets'> {
  readonly id: string;
  readonly status: 'active' | 'expired' | 'revoked';
  /** Until when the secret before the last rotation is valid; undefined when it no longer is. */
  readonly oldSecretUntilMs: number | undefined;
  /** To the minute; undefined for one that was not used in the last 90 days. */
  readonly lastUsedAtMs: number | undefined;
}

/** Keeps API keys, for the operator's command. Every worker of every machine knows of a change within a second. */
export interface KeyStore {
  create(key: NewKey): Promise<IssuedKey>;
  /** Those of a tenant, or all: also expired and revoked ones, for 30 days. */
  list(filter?: { readonly tenantId?: string | undefined }): Promise<readonly ListedKey[]>;
  /** Undefined if there is no such key. */
  show(id: string): Promise<ListedKey | undefined>;
  /**
   * Gives a key a new secret. The one before stays valid for `graceSeconds`, any older one ends now.
   * @returns undefined if there is no such key, or it is not active
   */
  rotate(id: string, options: { readonly graceSeconds: number }): Promise<IssuedKey | undefined>;
  /** Ends a key now and for good; false if there is no such key. */
  revoke(id: string): Promise<boolean>;
}

/** So long its callers are told why it is refused, and the operator sees it in the list. */
const REMEMBERED_MS = 30 * 86_400_000;

/** The bounds of the claims that they stand for. */
const TEXT = /^[^\p{Cc}\p{Cs}]{1,255}$/u;

/**
 * Opens the API keys over any link to Redis.
 * @throws {RangeError} (from `create`) that names what is empty, too long, or in the past
 */
export function keyStore({ command, now }: { command: SendCommand; now: () => number }): KeyStore {
  const table = recordTable(keyTable, { command, now });
  const listed = async (keys: readonly Pick<StoredRecord<KeyRecord>, 'id' | 'value'>[]): Promise<ListedKey[]> => {
    if (keys.length === 0) return [];
    const lastUses = (await command('MGET', ...keys.map(({ id }) => lastUseKey(id)))) as unknown[];
    return keys.map(({ id, value }, index) => ({
      ...withoutSecrets(id, { key: value, nowMs: now() }),
      lastUsedAtMs: Number(lastUses[index] ?? 0) || undefined,
    }));
  };
  const change = (id: string, changed: (key: KeyRecord) => KeyRecord | undefined) =>
    table.update(id, (current) => {
      const value = current === undefined ? undefined : changed(current);
      return value === undefined ? undefined : { value, expiresAtMs: forgottenAtMs(value) };
    });
  return {
    async create(key) {
      const [id, secret] = [newKeyId(), newSecret()];
      const value = recordOfNew(key, { secret, nowMs: now() });
      await table.update(id, () => ({ value, expiresAtMs: forgottenAtMs(value) }));
      return { id, key: textOfKey({ id, secret }) };
    },
    async list({ tenantId } = {}) {
      const keys = await table.list();
      return listed(keys.filter(({ value }) => tenantId === undefined || value.tenantId === tenantId));
    },
    async show(id) {
      const value = await table.get(id);
      return value === undefined ? undefined : (await listed([{ id, value }]))[0];
    },
    async rotate(id, { graceSeconds }) {
      const secret = newSecret();
      const newest = { hash: hashOfSecret(secret) };
      const rotated = await change(id, (key) => {
        if (statusOf(key, now()) !== 'active') return undefined;
        const old = key.secrets.slice(0, 1).map((one) => ({ ...one, validUntilMs: now() + graceSeconds * 1000 }));
        return { ...key, secrets: [newest, ...old] };
      });
      return rotated?.secrets[0]?.hash === newest.hash ? { id, key: textOfKey({ id, secret }) } : undefined;
    },
    async revoke(id) {
      return (await change(id, (key) => ({ ...key, revokedAtMs: key.revokedAtMs ?? now() }))) !== undefined;
    },
  };
}

/** Whether a key may be used. */
export function statusOf({ revokedAtMs, expiresAtMs }: KeyRecord, nowMs: number): ListedKey['status'] {
  if (revokedAtMs !== undefined) return 'revoked';
  return expiresAtMs !== undefined && expiresAtMs <= nowMs ? 'expired' : 'active';
}

function withoutSecrets(id: string, { key, nowMs }: { key: KeyRecord; nowMs: number }) {
  const { secrets, ...rest } = key;
  const until = secrets[1]?.validUntilMs;
  const oldSecretUntilMs = until !== undefined && until > nowMs ? until : undefined;
  return { id, ...rest, status: statusOf(key, nowMs), oldSecretUntilMs };
}

function recordOfNew(key: NewKey, { secret, nowMs }: { secret: string; nowMs: number }): KeyRecord {
  const { owner, name, tenantId, roles = [], scopes = [], limits, expiresAtMs } = key;
  const texts = { owner, name, tenantId };
  for (const [what, text] of Object.entries(texts)) {
    if (text !== undefined && !TEXT.test(text)) {
      throw new RangeError(`${what}: expected 1 to 255 characters, none of them a control character`);
    }
  }
  for (const [what, items] of Object.entries({ roles, scopes, limits: limits ?? [] })) {
    if (!items.every((item) => TEXT.test(item))) throw new RangeError(`${what}: expected texts of 1 to 255 characters`);
  }
  if (expiresAtMs !== undefined && expiresAtMs <= nowMs) throw new RangeError('expiresAtMs: expected a time to come');
  return {
    owner,
    name,
    tenantId,
    roles: [...roles],
    scopes: [...scopes],
    limits: limits === undefined ? undefined : [...limits],
    secrets: [{ hash: hashOfSecret(secret) }],
    createdAtMs: nowMs,
    expiresAtMs,
  };
}

/** When nobody needs to know of it any more; undefined while it is valid without an end. */
function forgottenAtMs({ revokedAtMs, expiresAtMs }: KeyRecord): number | undefined {
  const endedAtMs = revokedAtMs ?? expiresAtMs;
  return endedAtMs === undefined ? undefined : endedAtMs + REMEMBERED_MS;
}
