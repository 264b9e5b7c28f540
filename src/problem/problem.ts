import { type CatalogEntry, catalog, type ProblemSource, type Reason } from './catalog.ts';

/** What a thrower may add to a reason of the catalogue. */
export interface ProblemOptions {
  /** Instead of that of the catalogue, where a specification asks for another one. */
  readonly status?: number;
  /** What was wrong and what was expected, for the caller: never an address, a token or an internal name. */
  readonly detail?: string;
  /** Seconds after which trying again may help. */
  readonly retryAfterSeconds?: number;
  /** Headers that belong to the answer, such as `Allow`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The error behind it: logged, never shown. */
  readonly cause?: unknown;
}

/** An error that the gateway answers. Thrown from anywhere, written by `answer-problem` alone. */
export class Problem extends Error {
  readonly reason: Reason;
  readonly status: number;
  readonly title: string;
  readonly source: ProblemSource;
  readonly retryAfterSeconds: number | undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor(reason: Reason, { status, detail, retryAfterSeconds, headers = {}, cause }: ProblemOptions = {}) {
    const entry: CatalogEntry = catalog[reason];
    super(detail ?? entry.detail, { cause });
    this.name = 'Problem';
    this.reason = reason;
    this.status = status ?? entry.status;
    this.title = entry.title;
    this.source = entry.source;
    this.retryAfterSeconds = retryAfterSeconds;
    this.headers = headers;
  }
}

/** The body of a problem answer. @see RFC 9457 §3 */
export function problemBody(
  problem: Problem,
  { requestId, instance }: { requestId: string; instance: string },
): string {
  return JSON.stringify({
    type: `urn:problem-type:psa-api-gateway:${problem.reason}`,
    title: problem.title,
    status: problem.status,
    detail: problem.message,
    instance,
    reason: problem.reason,
    requestId,
    retryAfter: problem.retryAfterSeconds,
  });
}

/** A whole answer, for those who write it past the pipeline. */
export function problemAnswer(problem: Problem, request: { readonly requestId: string; readonly instance: string }) {
  const body = problemBody(problem, request);
  const headers: Record<string, string> = {
    'X-Request-Id': request.requestId,
    'X-Gateway-Reason': problem.reason,
    'Content-Type': 'application/problem+json',
    'Cache-Control': 'no-store',
    'Content-Length': String(Buffer.byteLength(body)),
    ...problem.headers,
  };
  return { headers, body };
}
