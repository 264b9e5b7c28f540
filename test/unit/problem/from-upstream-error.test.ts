import { describe, expect, it } from '@jest/globals';
import { errors } from 'undici';
import { fromUpstreamError } from '../../../src/problem/from-upstream-error.ts';
import { Problem } from '../../../src/problem/problem.ts';

const withCode = (code: string) => Object.assign(new Error('x'), { code });

describe('the problem of a transport error', () => {
  it.each([
    ['ECONNREFUSED', 'upstream_connect_failed'],
    ['ENOTFOUND', 'upstream_connect_failed'],
    ['EAI_AGAIN', 'upstream_connect_failed'],
    ['EHOSTUNREACH', 'upstream_connect_failed'],
    ['ENETUNREACH', 'upstream_connect_failed'],
    ['EPROTO', 'upstream_connect_failed'],
    ['CERT_HAS_EXPIRED', 'upstream_connect_failed'],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'upstream_connect_failed'],
    ['SELF_SIGNED_CERT_IN_CHAIN', 'upstream_connect_failed'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'upstream_connect_failed'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'upstream_connect_failed'],
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'upstream_connect_failed'],
    ['ETIMEDOUT', 'upstream_connect_timeout'],
    ['ECONNRESET', 'upstream_reset'],
    ['EPIPE', 'upstream_reset'],
    ['ERR_ASSERTION', 'upstream_protocol_error'],
    ['ESOMETHINGELSE', 'internal_error'],
  ])('of %s is %s', (code, reason) => {
    expect(fromUpstreamError(withCode(code)).reason).toBe(reason);
  });

  it.each([
    [new errors.ConnectTimeoutError(), 'upstream_connect_timeout'],
    [new errors.BodyTimeoutError(), 'upstream_response_timeout'],
    [new errors.HeadersOverflowError(), 'upstream_protocol_error'],
    [new errors.ResponseContentLengthMismatchError(), 'upstream_protocol_error'],
    [new errors.HTTPParserError('Expected LF after CR'), 'upstream_protocol_error'],
    [new errors.SocketError('other side closed'), 'upstream_reset'],
    [new errors.SocketError('bad upgrade'), 'upstream_protocol_error'],
    [new errors.SocketError('bad response'), 'upstream_protocol_error'],
    [new errors.InvalidArgumentError('invalid header'), 'invalid_request'],
  ])('of undici’s %s is %s', (error, reason) => {
    expect(fromUpstreamError(error).reason).toBe(reason);
  });

  it('keeps the cause, and shows none of it', () => {
    const cause = Object.assign(new Error('connect ECONNREFUSED 10.1.2.3:3001'), { code: 'ECONNREFUSED' });
    const problem = fromUpstreamError(cause);
    expect(problem.cause).toBe(cause);
    expect(problem.message).not.toMatch(/10\.1\.2\.3|ECONN/);
  });

  it('of a problem is that problem', () => {
    const problem = new Problem('body_too_large');
    expect(fromUpstreamError(problem)).toBe(problem);
  });

  it.each([undefined, null, 'text', 0])('of %p, which is no error, is internal_error', (thrown) => {
    expect(fromUpstreamError(thrown).reason).toBe('internal_error');
  });
});
