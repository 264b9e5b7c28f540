import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { freeChunk, freeWhatIsSent, giveAway, isLast, isUnshared } from '../../src/upstream/free-chunk.ts';
import { until } from '../support/until.ts';

/** As Node reads from a connection: memory of its own. */
const own = (bytes: number) => Buffer.from(new ArrayBuffer(bytes));

describe('a chunk', () => {
  it.each([
    ['whole memory of its own', () => own(65_536), true, true],
    ['the end of it, and most of it', () => own(65_536).subarray(1000), true, true],
    ['its beginning', () => own(65_536).subarray(0, 40_000), true, false],
    ['a small part at its end', () => own(65_536).subarray(60_000), false, true],
    ['the most that Node shares', () => Buffer.allocUnsafe(Buffer.poolSize / 2 - 1), false, undefined],
    ['too small to be worth it', () => own(1000), false, true],
  ])('that is %s is told as such', (_what, make, unshared, last) => {
    const chunk = make();
    expect(isUnshared(chunk)).toBe(unshared);
    if (last !== undefined) expect(isLast(chunk)).toBe(last);
  });

  it('that is freed has no bytes any more', () => {
    const chunk = own(65_536);
    freeChunk(chunk);
    expect([chunk.byteLength, chunk.buffer.byteLength]).toEqual([0, 0]);
  });
});

describe('a connection that frees what it has sent', () => {
  let sending: Socket;
  let receiving: Socket;
  let stop: () => Promise<unknown>;

  beforeEach(async () => {
    const server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const accepted = once(server, 'connection');
    sending = connect((server.address() as AddressInfo).port, '127.0.0.1');
    [receiving] = (await accepted) as [Socket];
    freeWhatIsSent(sending);
    stop = async () => {
      sending.destroy();
      receiving.destroy();
      server.close();
      await once(server, 'close');
    };
  });
  afterEach(() => stop());

  it('frees a chunk that was given away, and sends all of it', async () => {
    const chunk = own(65_536).fill('x');
    giveAway(chunk);
    sending.write(chunk);
    await until('its end', () => chunk.byteLength === 0);
    let bytes = 0;
    receiving.on('data', (data) => {
      bytes += data.toString().replaceAll(/[^x]/g, '').length;
    });
    receiving.resume();
    await until('all of it', () => bytes === 65_536);
  });

  it('frees no chunk before it is sent', async () => {
    const chunks = Array.from({ length: 400 }, () => own(65_536).fill('x'));
    for (const chunk of chunks) {
      giveAway(chunk);
      sending.write(chunk);
    }
    await until('the first to be sent', () => chunks[0]?.byteLength === 0);
    // The other end reads nothing, and the kernel does not hold 25 MiB.
    expect(chunks.at(-1)?.byteLength).toBe(65_536);
    let bytes = 0;
    receiving.on('data', (data) => {
      bytes += data.toString().replaceAll(/[^x]/g, '').length;
    });
    receiving.resume();
    await until('all of them', () => bytes === 400 * 65_536);
    await until('the last to be freed', () => chunks.at(-1)?.byteLength === 0);
  });

  it('leaves alone what was not given away, and what is a part of more', async () => {
    const kept = own(65_536);
    const part = own(65_536).subarray(0, 40_000);
    giveAway(part);
    for (const chunk of [kept, part]) await new Promise((resolve) => sending.write(chunk, resolve));
    sending.write(kept);
    sending.write(part);
    await new Promise((resolve) => sending.write('.', resolve));
    expect([kept.byteLength, part.byteLength]).toEqual([65_536, 40_000]);
  });
});
