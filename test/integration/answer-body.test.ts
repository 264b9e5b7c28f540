import { once } from 'node:events';
import { createServer, get, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { AnswerBody } from '../../src/upstream/answer-body.ts';
import { until } from '../support/until.ts';

const SEND_TIMEOUT_MS = 300;
const MIB = 1024 * 1024;

let server: Server;
let res: ServerResponse;
let client: IncomingMessage;
let body: AnswerBody;
let pauses = 0;
let resumes = 0;

/** The end of an upstream's connection that an answer comes from. It counts, and goes on all the same. */
const controller = {
  aborted: false,
  paused: false,
  reason: null,
  rawHeaders: null,
  rawTrailers: null,
  pause: () => void pauses++,
  resume: () => void resumes++,
  abort: () => undefined,
};

beforeEach(async () => {
  [pauses, resumes] = [0, 0];
  server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const asked = once(server, 'request');
  const answered = once(get({ port, agent: false }), 'response');
  [, res] = (await asked) as [IncomingMessage, ServerResponse];
  body = new AnswerBody({ res, sendTimeoutMs: SEND_TIMEOUT_MS });
  res.writeHead(200, { 'content-length': 64 * MIB });
  body.begin({ hasLength: true });
  [client] = (await answered) as [IncomingMessage];
  client.on('error', () => undefined);
});
afterEach(async () => {
  client.destroy();
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

/** As much as it takes until the client, which does not read, is waited for. */
function fill(): void {
  for (let n = 0; n < 64 && pauses === 0; n++) body.write(Buffer.alloc(MIB), controller);
}

describe('the body of an answer', () => {
  it('asks for no pause while the kernel takes it', () => {
    for (let n = 0; n < 8; n++) body.write(Buffer.alloc(65_536), controller);
    expect([pauses, resumes, res.writableLength]).toEqual([0, 0, 0]);
    expect(body.isWaitingForClient()).toBe(false);
  });

  it('asks for a pause when its client does not read, and goes on when it does', async () => {
    fill();
    expect(body.isWaitingForClient()).toBe(true);
    client.resume();
    await until('it to go on', () => resumes === 1);
    expect(body.isWaitingForClient()).toBe(false);
  });

  it('is cut when its client takes nothing for sendTimeoutMs', async () => {
    fill();
    await until('the end', () => res.destroyed);
  });

  it('of which more comes in spite of the pause is not cut once its client has taken it', async () => {
    fill();
    for (let n = 0; n < 10; n++) body.write(Buffer.from('more'), controller);
    client.resume();
    await until('it to go on', () => resumes === 1);
    await sleep(2 * SEND_TIMEOUT_MS);
    expect(resumes).toBe(1);
    expect(res.destroyed).toBe(false);
  });

  it('that has come to its end is cut when its client does not take the rest', async () => {
    fill();
    body.close();
    body.end();
    expect(body.isWaitingForClient()).toBe(true);
    await until('the end', () => res.destroyed);
    expect(res.writableFinished).toBe(false);
  });
});
