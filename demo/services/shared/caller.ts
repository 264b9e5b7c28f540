import type { IncomingHttpHeaders } from 'node:http';
import { Problem } from './problem.ts';

/** Who is calling, as the gateway found out from the token. */
export interface Caller {
  userId: string;
  tenantId: string;
  email: string | null;
  roles: string[];
}

/**
 * Reads the caller from the identity headers. They can be believed because the gateway removes every copy a client sends.
 * @throws Problem 401 without X-User-Id or X-Tenant-Id; 400 when one can't be decoded
 */
export function readCaller(headers: IncomingHttpHeaders): Caller {
  return {
    userId: readUserId(headers),
    tenantId: requireHeader(headers, 'X-Tenant-Id'),
    email: readHeader(headers, 'X-User-Email')[0] ?? null,
    roles: readHeader(headers, 'X-User-Roles'),
  };
}

/**
 * Reads only the caller's user id.
 * @throws Problem 401 without X-User-Id; 400 when it can't be decoded
 */
export function readUserId(headers: IncomingHttpHeaders): string {
  return requireHeader(headers, 'X-User-Id');
}

function requireHeader(headers: IncomingHttpHeaders, name: string): string {
  const [value] = readHeader(headers, name);
  if (value !== undefined) return value;
  throw new Problem({
    status: 401,
    detail: `The ${name} header is missing: call through the gateway, which sets it.`,
  });
}

/** The values of a header. Split before decoding: the gateway sends a comma within a value as %2C. */
function readHeader(headers: IncomingHttpHeaders, name: string): string[] {
  const values = String(headers[name.toLowerCase()] ?? '').split(',');
  try {
    return values.map((value) => decodeURIComponent(value.trim())).filter((value) => value !== '');
  } catch {
    throw new Problem({
      status: 400,
      detail: `${name} is not percent-encoded; expected values like support%20agent.`,
    });
  }
}
