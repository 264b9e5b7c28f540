import type { LookupAddress } from 'node:dns';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { type Address, type Follower, followAddresses } from '../../../src/upstream/follow-addresses.ts';

const v4 = (...addresses: string[]): Address[] => addresses.map((address) => ({ address, family: 4 }));

/** A follower of a host whose name server is the test. Wants fake timers: time passes by `wait` alone. */
function following(first: Address[] | Error) {
  jest.useFakeTimers();
  let answer: Address[] | Error | Promise<Address[]> = first;
  let asked = 0;
  const moves: string[][] = [];
  const errors: string[] = [];
  const follower = followAddresses({
    host: 'crm.test',
    everyMs: 1000,
    async resolve() {
      asked++;
      if (answer instanceof Error) throw answer;
      return answer;
    },
    onMove: (addresses) => moves.push(addresses.map(({ address }) => address)),
    onError: (error) => errors.push(String(error)),
  });
  followers.push(follower);
  return {
    follower,
    moves,
    errors,
    asked: () => asked,
    answerWith(next: typeof answer) {
      answer = next;
    },
    wait: (ms: number) => jest.advanceTimersByTimeAsync(ms),
    /** What a connection would be told. */
    lookUp: () => lookUp(follower),
  };
}

const followers: Follower[] = [];

afterEach(() => {
  for (const follower of followers.splice(0)) follower.close();
  jest.useRealTimers();
});

function lookUp({ lookup }: Follower): Promise<string[] | string> {
  return new Promise((resolve) => {
    lookup?.('crm.test', { all: true }, (error, addresses) => {
      resolve(error === null ? (addresses as LookupAddress[]).map(({ address }) => address) : String(error));
    });
  });
}

describe('a follower of a host name', () => {
  it.each(['127.0.0.1', '::1', '10.1.2.3'])('has nothing to look up for %s', (host) => {
    const asked: string[] = [];
    const { lookup } = followAddresses({
      host,
      everyMs: 1000,
      resolve: async (name) => {
        asked.push(name);
        return [];
      },
      onMove: () => undefined,
      onError: () => undefined,
    });
    expect(lookup).toBeUndefined();
    expect(asked).toEqual([]);
  });

  it('knows localhost to be this machine on both families, without asking', async () => {
    const { lookup } = followAddresses({
      host: 'localhost',
      everyMs: 1000,
      resolve: () => Promise.reject(new Error('nobody should ask')),
      onMove: () => undefined,
      onError: () => expect('nobody').toBe('asked'),
    });
    for (let n = 0; n < 2; n++) expect(await lookUp({ lookup, close: () => undefined })).toEqual(['127.0.0.1', '::1']);
  });

  it('asks before anybody connects, and connections wait for the first answer only', async () => {
    const one = following(v4('10.0.0.1'));
    expect(one.asked()).toBe(1);
    expect(await one.lookUp()).toEqual(['10.0.0.1']);
    expect(await one.lookUp()).toEqual(['10.0.0.1']);
    expect(one.asked()).toBe(1);
  });

  it('asks once for many connections that wait for the first answer', async () => {
    const one = following(new Error('not yet'));
    await one.wait(0);
    const { promise, resolve } = Promise.withResolvers<Address[]>();
    one.answerWith(promise);
    const lookups = Array.from({ length: 50 }, () => one.lookUp());
    resolve(v4('10.0.0.1'));
    expect(new Set((await Promise.all(lookups)).flat())).toEqual(new Set(['10.0.0.1']));
    expect(one.asked()).toBe(2);
  });

  it('lets connections take turns between the addresses', async () => {
    const one = following(v4('10.0.0.1', '10.0.0.2', '10.0.0.3'));
    const firsts = [];
    for (let n = 0; n < 6; n++) firsts.push((await one.lookUp())[0]);
    expect(new Set(firsts.slice(0, 3)).size).toBe(3);
    expect(firsts.slice(3)).toEqual(firsts.slice(0, 3));
  });

  it('gives one address to who asks for one', async () => {
    const { follower } = following(v4('10.0.0.1'));
    const found = new Promise((resolve) => {
      follower.lookup?.('crm.test', {}, (_error, address, family) => resolve({ address, family }));
    });
    expect(await found).toEqual({ address: '10.0.0.1', family: 4 });
  });

  it('tells of a move within its interval, and sends connections there', async () => {
    const one = following(v4('10.0.0.1'));
    await one.wait(0);
    one.answerWith(v4('10.0.0.2'));
    await one.wait(999);
    expect(one.moves).toEqual([]);
    await one.wait(1);
    expect(one.moves).toEqual([['10.0.0.2']]);
    expect(await one.lookUp()).toEqual(['10.0.0.2']);
  });

  it('takes another order of the same addresses for no move', async () => {
    const one = following(v4('10.0.0.1', '10.0.0.2'));
    await one.wait(0);
    one.answerWith(v4('10.0.0.2', '10.0.0.1'));
    await one.wait(3000);
    expect(one.moves).toEqual([]);
  });

  it.each<[string, Address[] | Error]>([
    ['fails', new Error('EAI_AGAIN')],
    ['knows no address', []],
  ])('keeps what it knew while the name server %s, and tells once', async (_what, failure) => {
    const one = following(v4('10.0.0.1'));
    await one.wait(0);
    one.answerWith(failure);
    await one.wait(5000);
    expect(await one.lookUp()).toEqual(['10.0.0.1']);
    expect(one.moves).toEqual([]);
    expect(one.errors).toHaveLength(1);
    one.answerWith(v4('10.0.0.1'));
    await one.wait(1000);
    one.answerWith(failure);
    await one.wait(3000);
    expect(one.errors).toHaveLength(2);
  });

  it('hands the error to a connection while nothing is known, and asks again for the next one', async () => {
    const one = following(new Error('ENOTFOUND'));
    await one.wait(0);
    expect(await one.lookUp()).toBe('Error: ENOTFOUND');
    one.answerWith(v4('10.0.0.1'));
    expect(await one.lookUp()).toEqual(['10.0.0.1']);
    expect(one.errors).toHaveLength(1);
  });

  it('has one question under way at a time, so a late answer undoes no later one', async () => {
    const one = following(v4('10.0.0.1'));
    await one.wait(0);
    const { promise, resolve } = Promise.withResolvers<Address[]>();
    one.answerWith(promise);
    await one.wait(5000);
    expect(one.asked()).toBe(2);
    one.answerWith(v4('10.0.0.3'));
    resolve(v4('10.0.0.2'));
    await one.wait(1000);
    expect(one.moves).toEqual([['10.0.0.2'], ['10.0.0.3']]);
  });

  it('says nothing any more once it is closed', async () => {
    const one = following(v4('10.0.0.1'));
    await one.wait(0);
    const { promise, resolve } = Promise.withResolvers<Address[]>();
    one.answerWith(promise);
    await one.wait(1000);
    one.follower.close();
    resolve(v4('10.0.0.2'));
    await one.wait(5000);
    expect(one.asked()).toBe(2);
    expect([one.moves, one.errors]).toEqual([[], []]);
  });
});
