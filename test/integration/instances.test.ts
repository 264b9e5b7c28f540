import { afterEach, describe, expect, it } from '@jest/globals';
import { breakerOf } from '../support/breaker-of.ts';
import { type Answer, call, reasonOf } from '../support/call.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { keepAliveLoad } from '../support/keep-alive-load.ts';
import { instancesOf, startInstance, type TestInstance } from '../support/test-instance.ts';
import { until } from '../support/until.ts';

let gateway: TestGateway;
const running: TestInstance[] = [];

afterEach(async () => {
  await gateway.stop();
  for (const instance of running.splice(0)) await instance.stop();
});

type Three = [TestInstance, TestInstance, TestInstance];

/** A gateway in front of three instances, with the first one's share first. */
async function startThree(settings: Record<string, unknown> = {}, weights: readonly number[] = [1, 1, 1]) {
  const three: Three = [await startInstance('a'), await startInstance('b'), await startInstance('c')];
  running.push(...three);
  const instances = three.map(({ url }, index) => ({ url, weight: weights[index] }));
  gateway = await startGateway({ upstreams: { crm: { instances, ...settings } } });
  return three;
}

const ask = (path = 'x', options: Parameters<typeof call>[1] = {}) => call(`${gateway.url}/open/crm/${path}`, options);

const countsOf = (instances: readonly TestInstance[]) => instances.map(({ received }) => received.length);

describe('requests to several instances', () => {
  it('are shared by weight, exactly', async () => {
    const three = await startThree({}, [3, 2, 1]);
    const order: string[] = [];
    for (let n = 0; n < 60; n++) order.push((await ask()).body.toString());
    expect(countsOf(three)).toEqual([30, 20, 10]);
    expect(order.slice(0, 6)).not.toEqual(['a', 'a', 'a', 'b', 'b', 'c']);
  });

  it('are shared evenly between the URLs of a list', async () => {
    const two = [await startInstance('a'), await startInstance('b')];
    running.push(...two);
    gateway = await startGateway({ upstreams: { crm: { url: two.map(({ url }) => url).join(', ') } } });
    await Promise.all(Array.from({ length: 40 }, () => ask()));
    expect(countsOf(two)).toEqual([20, 20]);
  });

  it.each(['least-connections', 'power-of-two-choices'])('avoid a slow one with %s', async (balancing) => {
    const [slow, ...others] = await startThree({ balancing });
    const waiting: (() => void)[] = [];
    slow.answerWith((_req, res) => void waiting.push(() => res.end('slow at last')));
    const held: Promise<Answer>[] = [];
    while (waiting.length === 0) {
      held.push(ask());
      await until('it to arrive', () => countsOf([slow, ...others]).reduce((a, b) => a + b) === held.length);
    }
    for (let n = 0; n < 40; n++) await ask();
    expect(slow.received).toHaveLength(1);
    for (const answer of waiting) answer();
    await Promise.all(held);
  });

  it('keep the number of the instance out of the answer, and its address in the access log', async () => {
    const [a] = await startThree();
    const answer = await ask();
    expect(JSON.stringify(answer.headers)).not.toContain(String(a.port));
    expect((await gateway.lines('access')).at(-1)).toMatchObject({ upstream: 'crm', instance: a.url });
  });
});

describe('an instance that is killed in mid-traffic', () => {
  const settings = { ejection: { consecutiveFailures: 3, ejectMs: 500 }, slowStartMs: 1000 };

  it('costs no GET, comes back by itself, and gets its share little by little', async () => {
    const three = await startThree(settings);
    const [, victim] = three;
    const load = keepAliveLoad({ url: `${gateway.url}/open/crm/x`, connections: 8 });
    await until('traffic', () => load.count() > 200);
    await victim.kill();
    await until('its ejection', async () => (await instancesOf(gateway))[1]?.state === 'ejected');
    const without = load.count();
    await until('traffic without it', () => load.count() > without + 200);
    await victim.comeBack();
    const back = await until('its return', async () => {
      const report = (await instancesOf(gateway))[1];
      return report?.state === 'healthy' && report;
    });
    expect(back.part).toBeLessThan(1);
    const { length: before } = victim.received;
    const all = load.count();
    await until('its first requests', () => victim.received.length > before + 5);
    // A third would be its whole share.
    const share = (victim.received.length - before) / (load.count() - all);
    expect(share).toBeLessThan(1 / 3);
    await until('its whole share', async () => (await instancesOf(gateway))[1]?.part === 1);
    const counts = countsOf(three);
    const then = load.count();
    await until('requests for all', () => load.count() > then + 300);
    const shares = countsOf(three).map((count, index) => count - (counts[index] ?? 0));
    expect(Math.max(...shares) - Math.min(...shares)).toBeLessThan(30);
    expect((await load.stop()).failures).toEqual({});
    expect(await breakerOf(gateway)).toMatchObject({ state: 'CLOSED', failures: 0 });
    const lines = await gateway.lines('combined');
    const told = lines.filter(({ instance, state }) => instance === victim.url && state !== undefined);
    expect(told[0]).toMatchObject({ message: 'an instance of crm is ejected', upstream: 'crm', level: 'warn' });
    expect(told.at(-1)).toMatchObject({ message: 'an instance of crm is healthy', upstream: 'crm', level: 'warn' });
  });

  it('costs only those POSTs that were with it, and brings none to two instances', async () => {
    const three = await startThree(settings);
    const [, victim] = three;
    const answers: Answer[] = [];
    let isOver: boolean = false;
    let sent = 0;
    const lane = async () => {
      while (!isOver) {
        // By turns held in memory and streamed.
        const body = Buffer.alloc(sent % 2 === 0 ? 100 : 40_000, 'x');
        answers.push(await ask(`pay/${sent++}`, { method: 'POST', body }));
      }
    };
    const lanes = Promise.all(Array.from({ length: 8 }, lane));
    await until('traffic', () => answers.length > 200);
    await victim.kill();
    await until('its ejection', async () => (await instancesOf(gateway))[1]?.state === 'ejected');
    const { length } = answers;
    await until('traffic without it', () => answers.length > length + 100);
    isOver = true;
    await lanes;
    const lost = answers.filter(({ status }) => status !== 200);
    expect(new Set(lost.map(reasonOf))).toEqual(new Set(lost.length === 0 ? [] : ['upstream_reset']));
    expect(lost.length).toBeLessThanOrEqual(8);
    const received = three.flatMap((instance) => instance.received);
    expect(new Set(received).size).toBe(received.length);
  });
});

describe('`localhost`', () => {
  it.each(['127.0.0.1', '::1'])('finds a service that listens on %s alone', async (host) => {
    const service = await startInstance('here', { host });
    running.push(service);
    gateway = await startGateway({ upstreams: { crm: { url: `http://localhost:${service.port}` } } });
    for (let n = 0; n < 4; n++) {
      const answer = await ask('x', { headers: { connection: 'close' } });
      expect(answer.body.toString()).toBe('here');
    }
  });
});
