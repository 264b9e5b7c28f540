import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { type RequestContext, setContext } from '../../src/context.ts';
import { addOwnHeader, hasOwnHeader, takeOwnHeaders, writeHeadWithOwn } from '../../src/own-headers.ts';

let req: IncomingMessage;
let res: ServerResponse;

beforeEach(() => {
  req = new IncomingMessage(new Socket());
  setContext(req, { ownHeaders: [] as string[] } as RequestContext);
  res = new ServerResponse(req);
  Object.defineProperty(res, 'writeHead', { value: writeHeadWithOwn(res.writeHead) });
  addOwnHeader(req, 'X-Request-Id', 'id');
  addOwnHeader(req, 'Cache-Control', 'no-store');
});

describe("the gateway's own headers", () => {
  it('are known by their name in lower case', () => {
    expect(['x-request-id', 'x-request', 'x-request-ie', 'id'].map((name) => hasOwnHeader(req, name))).toEqual([
      true,
      false,
      false,
      false,
    ]);
  });

  it('go with a head that somebody writes, and with one that Node writes at the end', () => {
    res.writeHead(204);
    expect({ ...res.getHeaders() }).toEqual({ 'x-request-id': 'id', 'cache-control': 'no-store' });
  });

  it('leave alone what was set for this answer', () => {
    res.setHeader('cache-control', 'max-age=60');
    res.end();
    expect({ ...res.getHeaders() }).toMatchObject({ 'x-request-id': 'id', 'cache-control': 'max-age=60' });
  });

  it('are given to one head only', () => {
    expect(takeOwnHeaders(req)).toEqual(['X-Request-Id', 'id', 'Cache-Control', 'no-store']);
    res.writeHead(204);
    expect(res.getHeaderNames()).toEqual([]);
  });
});
