import type { Request, RequestHandler } from 'express';
import { contextOf, isRepeated, validHost } from '../context.ts';
import { Problem } from '../problem/problem.ts';
import { normalisePath } from './normalise-path.ts';

/**
 * Stage: refuses what Node's parser lets through although two servers could read it in two ways, and brings the path into
 * its normal form. Everything behind it sees that form only, so no policy can be walked around by another spelling.
 */
export function checkRequest() {
  return function checkRequest(req, res, next) {
    checkFraming(req);
    checkHost(req);
    const context = contextOf(req);
    const target = req.url;
    if (target === '*' && req.method === 'OPTIONS') {
      // A question about this server as a whole: it is ours to answer. @see RFC 9110 §9.3.7
      res.writeHead(204, { Allow: 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS' }).end();
      return;
    }
    const queryAt = target.indexOf('?');
    const normalised = normalisePath(queryAt === -1 ? target : target.slice(0, queryAt));
    if ('refusal' in normalised) throw invalid(normalised.refusal);
    context.path = normalised.path;
    context.query = queryAt === -1 ? '' : target.slice(queryAt);
    if (context.query.includes('#')) throw invalid('the request target has a fragment ("#")');
    req.url = context.path + context.query;
    next();
  } satisfies RequestHandler;
}

function checkFraming(req: Request): void {
  const coding = req.headers['transfer-encoding'];
  if (req.httpVersionMajor === 1 && req.httpVersionMinor === 1) {
    if (coding !== undefined && coding.toLowerCase() !== 'chunked') {
      throw invalid('the only accepted Transfer-Encoding is "chunked"', { close: true });
    }
  } else if (req.httpVersion !== '1.0' || coding !== undefined) {
    // HTTP/0.9 has no headers, and HTTP/1.0 no chunks: what follows can't be told apart from a next request.
    throw invalid('expected HTTP/1.1, or HTTP/1.0 without Transfer-Encoding', { close: true });
  }
  const expectation = req.headers.expect;
  if (expectation !== undefined && expectation.toLowerCase() !== '100-continue') {
    // Whether the body will follow is the client's decision, so what comes next can't be told apart.
    throw invalid('the only accepted Expect is "100-continue"', { close: true });
  }
}

/** Exactly one valid Host; none only from HTTP/1.0. @see RFC 9112 §3.2 */
function checkHost(req: Request): void {
  const { host } = req.headers;
  if (host === undefined) {
    if (req.httpVersion === '1.0') return;
    throw invalid('the Host header is missing', { close: true });
  }
  if (isRepeated(req.rawHeaders, 'host')) throw invalid('more than one Host header', { close: true });
  if (validHost(host) === undefined) throw invalid('the Host header is not host[:port]', { close: true });
}

function invalid(detail: string, { close = false } = {}): Problem {
  return new Problem('invalid_request', { detail, headers: close ? { Connection: 'close' } : {} });
}
