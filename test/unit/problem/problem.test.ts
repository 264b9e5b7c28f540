import { describe, expect, it } from '@jest/globals';
import { Problem, problemBody } from '../../../src/problem/problem.ts';

const place = { requestId: 'r-12345678', instance: '/api/v1/crm/x' };

describe('a problem', () => {
  it('takes status, title, source and detail from the catalogue', () => {
    expect(new Problem('breaker_open')).toMatchObject({
      name: 'Problem',
      status: 503,
      source: 'upstream',
      message: 'The service has been failing and is not called for the moment.',
      headers: {},
    });
  });

  it('has the body of RFC 9457 with our fields, and retryAfter where waiting helps', () => {
    const problem = new Problem('breaker_open', { retryAfterSeconds: 7, cause: new Error('connect 10.0.0.1:3001') });
    expect(JSON.parse(problemBody(problem, place))).toEqual({
      type: 'urn:problem-type:psa-api-gateway:breaker_open',
      title: 'Service unavailable',
      status: 503,
      detail: 'The service has been failing and is not called for the moment.',
      instance: '/api/v1/crm/x',
      reason: 'breaker_open',
      requestId: 'r-12345678',
      retryAfter: 7,
    });
  });

  it('has no retryAfter where waiting does not help', () => {
    const body = problemBody(new Problem('scope_missing', { detail: 'You need the role "admin".' }), place);
    expect(JSON.parse(body)).not.toHaveProperty('retryAfter');
    expect(JSON.parse(body)).toHaveProperty('detail', 'You need the role "admin".');
  });
});
