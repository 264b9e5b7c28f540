import type { Reason } from './catalog.ts';
import { Problem } from './problem.ts';

const REASONS: Readonly<Record<string, Reason>> = {
  ECONNREFUSED: 'upstream_connect_failed',
  ENOTFOUND: 'upstream_connect_failed',
  EAI_AGAIN: 'upstream_connect_failed',
  EHOSTUNREACH: 'upstream_connect_failed',
  ENETUNREACH: 'upstream_connect_failed',
  EADDRNOTAVAIL: 'upstream_connect_failed',
  ETIMEDOUT: 'upstream_connect_timeout',
  UND_ERR_CONNECT_TIMEOUT: 'upstream_connect_timeout',
  UND_ERR_HEADERS_TIMEOUT: 'upstream_response_timeout',
  UND_ERR_BODY_TIMEOUT: 'upstream_response_timeout',
  ECONNRESET: 'upstream_reset',
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
  const { code = '', message = '' } = (error ?? {}) as { code?: string; message?: string };
  // undici's parser error carries llhttp's code; a 1xx or 101 that nobody asked for is a socket error with a text.
  if (code.startsWith('HPE_') || message === 'bad response' || message === 'bad upgrade')
    return 'upstream_protocol_error';
  if (code.startsWith('CERT_') || code.startsWith('ERR_TLS') || code.startsWith('ERR_SSL')) {
    return 'upstream_connect_failed';
  }
  return REASONS[code] ?? 'internal_error';
}
