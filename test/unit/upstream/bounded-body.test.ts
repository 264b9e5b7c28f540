import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { finished } from 'node:stream/promises';
import { describe, expect, it } from '@jest/globals';
import type { BoundedBody } from '../../../src/upstream/bounded-body.ts';
import { boundedBody } from '../../../src/upstream/bounded-body.ts';

const chunked = { 'transfer-encoding': 'chunked' };

function request(headers: Record<string, string>): IncomingMessage {
  return Object.assign(new IncomingMessage(new Socket()), { headers });
}

/** Reads a body to its end. */
async function read({ stream }: BoundedBody): Promise<string> {
  let text = '';
  for await (const chunk of stream ?? []) text += String(chunk);
  return text;
}

/** What the parser does at the end of a body. */
function complete(req: IncomingMessage): void {
  req.complete = true;
  req.push(null);
}

describe('the body of a request', () => {
  it.each([{}, { 'content-length': '0' }])('is none with the headers %p', (headers: Record<string, string>) => {
    const body = boundedBody(request(headers), 10);
    expect(body.stream).toBeNull();
    expect(body.isWaitingForClient()).toBe(false);
  });

  it('of a declared length is the request itself', () => {
    const req = request({ 'content-length': '10' });
    expect(boundedBody(req, 10).stream).toBe(req);
  });

  it('of a declared length above the limit is refused at once, with the limit in words', () => {
    const refused = () => boundedBody(request({ 'content-length': '11' }), 10);
    expect(refused).toThrow(expect.objectContaining({ reason: 'body_too_large', headers: { Connection: 'close' } }));
    expect(refused).toThrow('10 bytes');
  });

  it('in chunks passes up to the limit', async () => {
    const req = request(chunked);
    const body = boundedBody(req, 10);
    for (const chunk of ['01234', '56789']) req.push(chunk);
    complete(req);
    expect(await read(body)).toBe('0123456789');
  });

  it('in chunks fails with the first byte above the limit', async () => {
    const req = request(chunked);
    const body = boundedBody(req, 10);
    for (const chunk of ['01234', '56789', '!']) req.push(chunk);
    await expect(read(body)).rejects.toMatchObject({ reason: 'body_too_large', status: 413 });
  });

  it('in chunks fails as client_closed when the request ends before it', async () => {
    const req = request(chunked);
    const { stream } = boundedBody(req, 10);
    req.push('01234');
    req.destroy();
    await expect(finished(stream as IncomingMessage)).rejects.toMatchObject({ reason: 'client_closed' });
  });

  it.each([chunked, { 'content-length': '10' }])(
    'waits for the client while it is read, and for the upstream while it is paused (%p)',
    (headers: Record<string, string>) => {
      const req = request(headers);
      const { stream, isWaitingForClient } = boundedBody(req, 10);
      stream?.resume();
      expect(isWaitingForClient()).toBe(true);
      stream?.pause();
      expect(isWaitingForClient()).toBe(false);
      stream?.resume();
      req.complete = true;
      expect(isWaitingForClient()).toBe(false);
    },
  );

  it.each([chunked, { 'content-length': '10' }, {}])(
    'raises no error that nobody hears, which would end the process (%p)',
    (headers: Record<string, string>) => {
      const req = request(headers);
      const { stream } = boundedBody(req, 10);
      expect(() => req.emit('error', new Error('aborted'))).not.toThrow();
      expect(() => stream?.emit('error', new Error('aborted'))).not.toThrow();
    },
  );
});
