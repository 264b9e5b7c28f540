import { once } from 'node:events';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { expectProblem } from '../support/expect-problem.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { parseAnswer, sendRaw } from '../support/raw-client.ts';
import { deadUpstream } from '../support/raw-upstream.ts';
import { type RecordingBackend, startRecordingBackend } from '../support/recording-backend.ts';

let backend: RecordingBackend;
let folder: string;
let gateway: TestGateway;
beforeAll(async () => {
  backend = await startRecordingBackend();
  folder = await mkdtemp(join(tmpdir(), 'psa-listeners-'));
  gateway = await startGateway({
    upstreams: { crm: backend.port },
    server: { headersTimeoutMs: 300, requestTimeoutMs: 600 },
    env: { HOST: '127.0.0.1', LOG_DIR: folder },
  });
});
afterAll(async () => {
  await gateway.stop();
  await backend.stop();
  await rm(folder, { recursive: true });
});

describe('the public listener', () => {
  it('is bound to HOST, and to nothing else', async () => {
    const others = Object.values(networkInterfaces())
      .flatMap((addresses) => addresses ?? [])
      .filter(({ family, internal }) => family === 'IPv4' && !internal)
      .map(({ address }) => address);
    expect((await fetch(`${gateway.url}/health/live`)).status).toBe(200);
    // 127.0.0.2 is loopback too, and there on every Linux.
    for (const host of ['127.0.0.2', ...others]) expect(await accepts(host)).toBe(false);
  });

  it('ends a connection whose body does not come in time, and does not call the service for it', async () => {
    const head = 'POST /open/crm/x HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc';
    const { isClosed } = await sendRaw(gateway.port, head, { silenceMs: 10_000 });
    expect(isClosed).toBe(true);
    expect(backend.requests).toEqual([]);
  });

  it('ends a connection whose headers do not come in time, and says why', async () => {
    const { text, isClosed } = await sendRaw(gateway.port, 'GET / HTTP/1.1\r\nHost: x\r\n', { silenceMs: 10_000 });
    expect(isClosed).toBe(true);
    const problem = expectProblem(parseAnswer(text), { status: 400, reason: 'invalid_request' });
    expect(problem.detail).toBe('The request was not complete in time.');
  });
});

describe('the socket for the other workers', () => {
  it('is in a folder that only the user of the gateway may enter', async () => {
    const { mode } = await stat(join(folder, 'workers'));
    expect(mode & 0o777).toBe(0o700);
  });
});

describe('the admin listener', () => {
  it('does not hold up a worker that stops, though somebody is connected and silent', async () => {
    const second = await startGateway({ upstreams: { crm: await deadUpstream() } });
    const silent = connect(Number(new URL(second.adminUrl).port), '127.0.0.1');
    await once(silent, 'connect');
    const startedAt = performance.now();
    await second.stop();
    expect(performance.now() - startedAt).toBeLessThan(9000);
    silent.destroy();
  });
});

function accepts(host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port: gateway.port });
    const finish = (isOpen: boolean) => {
      socket.destroy();
      resolve(isOpen);
    };
    socket.once('connect', () => finish(true)).once('error', () => finish(false));
  });
}
