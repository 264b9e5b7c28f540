import { once } from 'node:events';
import { type Duplex, duplexPair } from 'node:stream';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { WebSocketEnd } from '../../../src/context.ts';
import { Tunnel } from '../../../src/websocket/tunnel.ts';

const text = Buffer.from([0x81, 2, 104, 105]);
const close = Buffer.from([0x88, 0]);
const maskedClose = Buffer.from([0x88, 0x80, 1, 2, 3, 4]);
const tick = () => new Promise((resolve) => setImmediate(resolve));

const tunnels: Tunnel[] = [];
afterEach(() => {
  for (const tunnel of tunnels.splice(0)) tunnel.cut();
});

/** A tunnel between a client and a service that a test plays. They read nothing until it says so. */
function tunnelBetween({ expiresAt = Number.POSITIVE_INFINITY } = {}) {
  const [client, toClient] = duplexPair();
  const [service, toService] = duplexPair();
  const ends: WebSocketEnd[] = [];
  let isOver = false;
  const tunnel = new Tunnel({
    client: toClient,
    upstream: toService,
    pingIntervalMs: 60_000,
    idleTimeoutMs: 60_000,
    expiresAt,
    clock: () => performance.now(),
    onEnd: (reason) => ends.push(reason),
    onOver() {
      isOver = true;
    },
  });
  tunnels.push(tunnel);
  for (const stream of [client, service]) stream.on('error', () => undefined);
  return { tunnel, client, toClient, service, toService, ends, isOver: () => isOver };
}

async function readAll(stream: Duplex): Promise<number[]> {
  const bytes: number[] = [];
  stream.on('data', (chunk: Buffer) => bytes.push(...chunk));
  await once(stream, 'end');
  return bytes;
}

describe('an end that leaves', () => {
  it('is heard to its last word', async () => {
    const { client, service, toClient, ends } = tunnelBetween();
    // The second one waits for the client.
    service.write(text);
    service.write(text);
    service.end();
    await tick();
    await tick();
    expect(await readAll(client)).toEqual([...text, ...text]);
    expect(ends).toEqual(['upstream_left']);
    expect(toClient.destroyed).toBe(true);
  });

  it('that has said so leaves the other one time to leave too', async () => {
    const { client, service, toClient, ends } = tunnelBetween();
    service.end(close);
    expect(await readAll(client)).toEqual([...close]);
    expect(ends).toEqual(['closed']);
    await tick();
    expect(toClient.destroyed).toBe(false);
    client.end(maskedClose);
    await once(toClient, 'close');
  });

  it('by an error is one that leaves', async () => {
    const { service, toClient, toService, ends } = tunnelBetween();
    toService.destroy(new Error('reset'));
    await once(toClient, 'close');
    expect(ends).toEqual(['upstream_left']);
    service.destroy();
  });

  it('leaves the other one no longer than a second', async () => {
    const { client, service, toClient } = tunnelBetween();
    service.end(close);
    await once(toClient, 'close');
    expect(client.destroyed || client.readableEnded).toBe(false);
  });
});

describe('a tunnel that is closed', () => {
  it('says so between two frames, and nothing after that', async () => {
    const { tunnel, client, service, ends, isOver } = tunnelBetween();
    const received: number[] = [];
    client.on('data', (chunk: Buffer) => received.push(...chunk));
    service.resume();
    service.write(text.subarray(0, 3));
    await tick();
    tunnel.close('draining');
    service.write(Buffer.concat([text.subarray(3), text]));
    service.write(text);
    await tick();
    await tick();
    expect(received).toEqual([...text, 0x88, 2, 1001 >> 8, 1001 & 255]);
    expect([ends, isOver()]).toEqual([['draining'], false]);
  });

  it('lets the close frame of an end stand for its own', async () => {
    const { tunnel, client, service } = tunnelBetween();
    const received: number[] = [];
    client.on('data', (chunk: Buffer) => received.push(...chunk));
    service.resume();
    service.write(text.subarray(0, 3));
    await tick();
    tunnel.close('draining');
    service.write(Buffer.concat([text.subarray(3), close]));
    await tick();
    await tick();
    expect(received).toEqual([...text, ...close]);
  });

  it('does not tell an end that knows already', async () => {
    const { tunnel, client, service } = tunnelBetween();
    const received: number[] = [];
    client.on('data', (chunk: Buffer) => received.push(...chunk));
    service.write(close);
    await tick();
    tunnel.close('draining');
    await tick();
    expect(received).toEqual([...close]);
  });

  it('ends an end that has answered, while the other one still may', async () => {
    const { tunnel, client, service, isOver } = tunnelBetween();
    client.resume();
    service.resume();
    tunnel.close('draining');
    client.write(maskedClose);
    await once(client, 'end');
    expect(isOver()).toBe(false);
    service.end(close);
    await once(service, 'end');
    await tick();
    expect(isOver()).toBe(true);
  });

  it('closes by itself when its time is over, and tells both ends why', async () => {
    const { client, service, ends } = tunnelBetween({ expiresAt: performance.now() + 20 });
    const [toClient] = (await once(client, 'data')) as [Buffer];
    const [toService] = (await once(service, 'data')) as [Buffer];
    expect([...toClient]).toEqual([0x88, 15, 1008 >> 8, 1008 & 255, ...Buffer.from('token_expired')]);
    expect([...toService.subarray(0, 2)]).toEqual([0x88, 0x80 | 15]);
    const mask = toService.subarray(2, 6);
    const unmasked = toService.subarray(6).map((byte, index) => byte ^ mask.readUInt8(index % 4));
    expect([...unmasked]).toEqual([...toClient.subarray(2)]);
    expect(ends).toEqual(['expired']);
  });

  it('is closed once', async () => {
    const { tunnel, client, ends } = tunnelBetween();
    const received: number[] = [];
    client.on('data', (chunk: Buffer) => received.push(...chunk));
    tunnel.close('idle');
    tunnel.close('draining');
    await tick();
    expect(ends).toEqual(['idle']);
    expect(received).toEqual([0x88, 2, 1001 >> 8, 1001 & 255]);
  });
});
