import { afterEach, describe, expect, it } from '@jest/globals';
import { call } from '../support/call.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { keepAliveLoad } from '../support/keep-alive-load.ts';
import { startInstance, type TestInstance } from '../support/test-instance.ts';
import { until } from '../support/until.ts';

const RESOLVE_EVERY_MS = 200;

let gateway: TestGateway;
const running: TestInstance[] = [];

afterEach(async () => {
  await gateway.stop();
  for (const instance of running.splice(0)) await instance.stop();
});

/** A service at two addresses with one port, a gateway that knows its name alone, and the name server. */
async function start() {
  const here = await startInstance('here', { host: '127.0.0.1' });
  const there = await startInstance('there', { host: '127.0.0.2', port: here.port });
  running.push(here, there);
  let answer: string | Error = '127.0.0.1';
  let asked = 0;
  gateway = await startGateway({
    upstreams: { crm: { url: `http://crm.test:${here.port}`, resolveEveryMs: RESOLVE_EVERY_MS } },
    async resolve(host) {
      asked++;
      expect(host).toBe('crm.test');
      if (answer instanceof Error) throw answer;
      return [{ address: answer, family: 4 }];
    },
  });
  return {
    here,
    there,
    asked: () => asked,
    answerWith(next: typeof answer) {
      answer = next;
    },
  };
}

const url = () => `${gateway.url}/open/crm/x`;

describe('a service that moves', () => {
  it('is followed without a failed request, and its old connections are given up', async () => {
    const { here, there, answerWith } = await start();
    const load = keepAliveLoad({ url: url(), connections: 8 });
    await until('traffic', () => here.received.length > 100);
    answerWith('127.0.0.2');
    const movedAt = performance.now();
    await until('traffic there', () => there.received.length > 0);
    // Twice, for a machine that is busy.
    expect(performance.now() - movedAt).toBeLessThan(2 * RESOLVE_EVERY_MS);
    await until('no connection to where it was', () => here.connectionCount() === 0);
    const before = here.received.length;
    await until('traffic there alone', () => there.received.length > 100);
    expect(here.received.length).toBe(before);
    expect((await load.stop()).failures).toEqual({});
    const told = (await gateway.lines('combined')).filter(({ message }) => message === 'an instance of crm has moved');
    expect(told).toMatchObject([{ level: 'info', upstream: 'crm', addresses: ['127.0.0.2'] }]);
  });

  it('lets what is under way end where it began', async () => {
    const { here, there, answerWith } = await start();
    const { promise, resolve } = Promise.withResolvers<void>();
    here.answerWith((req, res) => void (req.url === '/held' ? promise.then(() => res.end('late')) : res.end('here')));
    const answer = call(`${gateway.url}/open/crm/held`);
    await until('the request', () => here.received.length === 1);
    answerWith('127.0.0.2');
    await until('the move', async () => (await call(url())).body.toString() === 'there');
    resolve();
    expect((await answer).body.toString()).toBe('late');
    expect(there.received).not.toContain('GET /held');
  });
});

describe('a name server that fails', () => {
  it('takes no service with it: what was known goes on being used, and the log tells once', async () => {
    const { answerWith, asked } = await start();
    expect((await call(url())).body.toString()).toBe('here');
    answerWith(Object.assign(new Error('queryA EAI_AGAIN crm.test'), { code: 'EAI_AGAIN' }));
    const before = asked();
    await until('some lookups', () => asked() > before + 3);
    const answer = await call(url());
    expect(answer.body.toString()).toBe('here');
    const told = (await gateway.lines('combined')).filter(({ message }) => String(message).includes('looked up'));
    expect(told).toMatchObject([{ level: 'warn', upstream: 'crm' }]);
  });
});
