import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

const SESSION_TTL_MS = 30 * 24 * 60 * 60 * 1000;

interface Session {
  userId: string;
  /** Of the one token that is good; those before it are recognised by being different. */
  tokenHash: Buffer;
  expiresAtMs: number;
}

/** Logins that can be prolonged, each by one token at a time. */
export interface RefreshSessions {
  /** Starts a session and returns its first token. */
  open: (userId: string) => string;
  /** Exchanges a token for the next. Null when it is unknown, expired or used before. */
  rotate: (token: string) => { userId: string; token: string } | null;
}

/** No sessions at first. The clock is a parameter so that a test need not wait for a month. */
export function refreshSessions(now: () => number = Date.now): RefreshSessions {
  const sessions = new Map<string, Session>();
  return { open, rotate };

  function open(userId: string): string {
    forgetExpired();
    return renew(randomSecret(), { userId, expiresAtMs: now() + SESSION_TTL_MS });
  }

  function rotate(token: string): { userId: string; token: string } | null {
    const [id = '', secret = ''] = token.split('.');
    const session = sessions.get(id);
    if (!session || session.expiresAtMs <= now()) return null;
    if (!timingSafeEqual(hash(secret), session.tokenHash)) {
      // A used token comes back: it, or its successor, is in the wrong hands. End the session for both. RFC 9700 §4.14.2
      sessions.delete(id);
      return null;
    }
    return { userId: session.userId, token: renew(id, session) };
  }

  function renew(id: string, { userId, expiresAtMs }: Omit<Session, 'tokenHash'>): string {
    const secret = randomSecret();
    sessions.set(id, { userId, expiresAtMs, tokenHash: hash(secret) });
    return `${id}.${secret}`;
  }

  /** A map keeps the order of insertion, and all sessions live equally long: the expired ones stand first. */
  function forgetExpired(): void {
    for (const [id, { expiresAtMs }] of sessions) {
      if (expiresAtMs > now()) return;
      sessions.delete(id);
    }
  }
}

function randomSecret(): string {
  return randomBytes(24).toString('base64url');
}

function hash(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}
