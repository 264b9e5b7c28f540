/** A request as text. Header lines are written as they are, so a test can send what no client library would. */
export interface RawRequest {
  readonly method?: string;
  readonly target?: string;
  readonly version?: string;
  /** Default `gateway.test`; null leaves the line out. */
  readonly host?: string | null;
  /** Whole lines, such as `X-User-Id: root`. */
  readonly lines?: readonly string[];
  /** Sent with its Content-Length, unless `isChunked`. */
  readonly body?: string;
  readonly isChunked?: boolean;
}

/** The bytes of a request. */
export function rawRequest({
  method = 'GET',
  target = '/open/crm/x',
  version = 'HTTP/1.1',
  host = 'gateway.test',
  lines = [],
  body,
  isChunked = false,
}: RawRequest = {}): string {
  const framing = isChunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${body?.length ?? 0}`;
  const head = [
    `${method} ${target} ${version}`,
    ...(host === null ? [] : [`Host: ${host}`]),
    ...lines,
    ...(body === undefined ? [] : [framing]),
  ];
  return `${head.join('\r\n')}\r\n\r\n${isChunked && body !== undefined ? chunked(body) : (body ?? '')}`;
}

/** A body in one chunk. */
export function chunked(body: string): string {
  return body === '' ? '0\r\n\r\n' : `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
}
