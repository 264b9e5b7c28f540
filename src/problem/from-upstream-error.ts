import type { Reason } from './catalog.ts';
import { Problem } from './problem.ts';

const REASONS: Readonly<Record<string, Reason>> = {
  ECONNREFUSED: 'upstream_connect_failed',
  ENOTFOUND: 'upstream_connect_failed',
  EAI_AGAIN: 'upstream_connect_failed',
  EAI_FAIL: 'upstream_connect_failed',
  EHOSTUNREACH: 'upstream_connect_failed',
  EHOSTDOWN: 'upstream_connect_failed',
  ENETUNREACH: 'upstream_connect_failed',
  ENETDOWN: 'upstream_connect_failed',
  EADDRNOTAVAIL: 'upstream_connect_failed',
  EAFNOSUPPORT: 'upstream_connect_failed',
  ETIMEDOUT: 'upstream_connect_timeout',
  UND_ERR_CONNECT_TIMEOUT: 'upstream_connect_timeout',
  UND_ERR_HEADERS_TIMEOUT: 'upstream_response_timeout',
  UND_ERR_BODY_TIMEOUT: 'upstream_response_timeout',
  ECONNRESET: 'upstream_reset',
  ECONNABORTED: 'upstream_reset',
  EPIPE: 'upstream_reset',
  UND_ERR_SOCKET: 'upstream_reset',
  UND_ERR_HEADERS_OVERFLOW: 'upstream_protocol_error',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'upstream_protocol_error',
  // Header values that passed our own parser but not the transport's: the client's fault, and never sent.
  UND_ERR_INVALID_ARG: 'invalid_request',
  UND_ERR_NOT_SUPPORTED: 'invalid_request',
};

/** The problem that an error of the transport stands for. One that is a problem already stays as it is. */
export function fromUpstreamError(error: unknown): Problem {
  if (error instanceof Problem) return error;
  return new Problem(reasonOf(error), { cause: error });
}

function reasonOf(error: unknown): Reason {
  const { name = '', code = '', message = '' } = (error ?? {}) as { name?: string; code?: string; message?: string };
  // undici's parser leaves the code out and its assertions about an answer are Node's; a 1xx or 101 that nobody asked for
  // is a socket error with a text.
  const isUnreadable = name === 'HTTPParserError' || code === 'ERR_ASSERTION';
  if (isUnreadable || message === 'bad response' || message === 'bad upgrade') return 'upstream_protocol_error';
  if (isTlsError(code)) return 'upstream_connect_failed';
  return REASONS[code] ?? 'internal_error';
}

/** OpenSSL's verdicts on a certificate have no common prefix. @see https://nodejs.org/api/tls.html#x509-certificate-error-codes */
function isTlsError(code: string): boolean {
  return /^(?:CERT_|ERR_TLS|ERR_SSL|UNABLE_TO_)|SELF_SIGNED|^EPROTO$/.test(code);
}
