import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { contextOf, type RequestContext, setContext } from '../../../src/context.ts';
import { writeAnswerHead } from '../../../src/upstream/answer-headers.ts';

const secrets = { 'set-cookie': ['sid=SECRET'], 'content-encoding': 'gzip', vary: 'Accept' };

describe('a head that can not be written', () => {
  // The transport refuses these first; this is what holds if a later version of it does not.
  it.each([
    ['a control character in a value', { status: 200, headers: { ...secrets, 'x-bad': 'a\x01b' } }],
    ['a name that is none', { status: 200, headers: { ...secrets, 'x bad': 'a' } }],
    ['a status that is none', { status: 99, headers: secrets }],
    ['a coding that is not chunked', { status: 200, headers: { ...secrets, 'transfer-encoding': 'gzip' } }],
  ])('leaves nothing of the upstream on the response: %s', (_name, head) => {
    const req = new IncomingMessage(new Socket());
    const own = ['X-Request-Id', 'ours', 'Vary', 'Origin'];
    setContext(req, { ownHeaders: own } as RequestContext);
    const res = new ServerResponse(req);
    expect(() => writeAnswerHead(res, { ...head, origin: 'http://crm.test', prefix: '' })).toThrow();
    expect(res.headersSent).toBe(false);
    expect(res.getHeaderNames()).toEqual([]);
    expect(contextOf(req).ownHeaders).toEqual(own);
  });
});
