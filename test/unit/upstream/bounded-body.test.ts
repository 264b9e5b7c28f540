import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { describe, expect, it } from '@jest/globals';
import { type BoundedBody, declaredBytes, heldBody, noBody, streamedBody } from '../../../src/upstream/bounded-body.ts';

const chunked = { 'transfer-encoding': 'chunked' };
const ten = { 'content-length': '10' };

function request(headers: Record<string, string>): IncomingMessage {
  return Object.assign(new IncomingMessage(new Socket()), { headers });
}

/** The stream that a body is sent from. */
function streamOf({ content }: BoundedBody): Readable {
  if (content instanceof Readable) return content;
  throw new Error('the body is no stream');
}

/** Reads a body to its end. */
async function read(body: BoundedBody): Promise<string> {
  let text = '';
  for await (const chunk of streamOf(body)) text += String(chunk);
  return text;
}

/** What the parser does at the end of a body. */
function complete(req: IncomingMessage): void {
  req.complete = true;
  req.push(null);
}

describe('the declared length of a body', () => {
  it.each([
    [{}, 0],
    [{ 'content-length': '0' }, 0],
    [ten, 10],
    [chunked, undefined],
  ])('is read from the headers %p', (headers: Record<string, string>, bytes) => {
    expect(declaredBytes(request(headers), 10)).toBe(bytes);
  });

  it('above the limit is refused at once, with the limit in words', () => {
    const refused = () => declaredBytes(request({ 'content-length': '11' }), 10);
    expect(refused).toThrow(expect.objectContaining({ reason: 'body_too_large', headers: { Connection: 'close' } }));
    expect(refused).toThrow('10 bytes');
  });
});

describe('a request without a body', () => {
  it('has nothing to send, and can be sent again', () => {
    const body = noBody(request({}));
    expect(body.content).toBeNull();
    expect(body.isWhole()).toBe(true);
    expect(body.isWaitingForClient()).toBe(false);
  });
});

describe('a body that is streamed', () => {
  it.each([chunked, ten])('passes up to the limit (%p)', async (headers: Record<string, string>) => {
    const req = request(headers);
    const body = streamedBody(req, 10);
    for (const chunk of ['01234', '56789']) req.push(chunk);
    complete(req);
    expect(await read(body)).toBe('0123456789');
  });

  it('fails with the first byte above the limit', async () => {
    const req = request(chunked);
    const body = streamedBody(req, 10);
    for (const chunk of ['01234', '56789', '!']) req.push(chunk);
    await expect(read(body)).rejects.toMatchObject({ reason: 'body_too_large', status: 413 });
  });

  it('fails as client_closed when the request ends before it', async () => {
    const req = request(chunked);
    const body = streamedBody(req, 10);
    req.push('01234');
    req.destroy();
    await expect(finished(streamOf(body))).rejects.toMatchObject({ reason: 'client_closed' });
  });

  it('is whole until the first byte has been taken', async () => {
    const req = request(chunked);
    const body = streamedBody(req, 10);
    req.push('01234');
    await new Promise(setImmediate);
    expect(body.isWhole()).toBe(true);
    complete(req);
    await read(body);
    expect(body.isWhole()).toBe(false);
  });

  it('is not whole once it was given up', () => {
    const body = streamedBody(request(chunked), 10);
    streamOf(body).destroy();
    expect(body.isWhole()).toBe(false);
  });

  it.each([chunked, ten])('leaves the request alone when it is given up (%p)', (headers: Record<string, string>) => {
    const req = request(headers);
    streamOf(streamedBody(req, 10)).destroy();
    expect(req.destroyed).toBe(false);
  });

  it('takes no more from the client once it was given up', async () => {
    const req = request(chunked);
    const stream = streamOf(streamedBody(req, 10)).resume();
    req.push('01234');
    await new Promise(setImmediate);
    stream.destroy();
    expect(req.readableFlowing).toBe(false);
  });

  it('leaves the rest to whoever refuses the request', async () => {
    const req = request(chunked);
    const stream = streamOf(streamedBody(req, 1_000_000)).resume();
    req.push('01234');
    await new Promise(setImmediate);
    stream.destroy();
    req.resume();
    for (let n = 0; n < 10; n++) req.push(Buffer.alloc(65_536));
    complete(req);
    await finished(req);
    expect(req.readableEnded).toBe(true);
  });

  it.each([chunked, ten])(
    'waits for the client while it is read, and for the upstream while it is paused (%p)',
    (headers: Record<string, string>) => {
      const req = request(headers);
      const body = streamedBody(req, 10);
      const stream = streamOf(body);
      stream.resume();
      expect(body.isWaitingForClient()).toBe(true);
      stream.pause();
      expect(body.isWaitingForClient()).toBe(false);
      stream.resume();
      req.complete = true;
      expect(body.isWaitingForClient()).toBe(false);
    },
  );

  it('raises no error that nobody hears, which would end the process', () => {
    const req = request(chunked);
    const stream = streamOf(streamedBody(req, 10));
    expect(() => req.emit('error', new Error('aborted'))).not.toThrow();
    expect(() => stream.emit('error', new Error('aborted'))).not.toThrow();
  });
});

describe('a body that is held', () => {
  it('is there as a whole, and stays so', async () => {
    const req = request(ten);
    const held = heldBody(req);
    for (const chunk of ['01234', '56789']) req.push(Buffer.from(chunk));
    complete(req);
    const body = await held;
    expect(body.content).toEqual(Buffer.from('0123456789'));
    expect(body.isWhole()).toBe(true);
    expect(body.isWaitingForClient()).toBe(false);
  });

  it('is client_closed when the client leaves before its end', async () => {
    const req = request(ten);
    const held = heldBody(req);
    req.push(Buffer.from('01234'));
    req.destroy();
    await expect(held).rejects.toMatchObject({ reason: 'client_closed' });
  });

  it.each([noBody, heldBody])('raises no error that nobody hears (%p)', (body) => {
    const req = request(ten);
    void body(req);
    expect(() => req.emit('error', new Error('aborted'))).not.toThrow();
  });
});
