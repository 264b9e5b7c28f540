import type { RedisProxy } from './redis-proxy.ts';
import type { TestRedis } from './redis-server.ts';

interface RedisAndNetwork {
  readonly redis: TestRedis;
  /** What stands between the gateway and that Redis. */
  readonly network: RedisProxy;
}

/** Something that happens to a Redis in use, and its end. */
export interface RedisFault {
  begin(place: RedisAndNetwork): unknown;
  end(place: RedisAndNetwork): unknown;
}

/** Every way in which a Redis stops to count and begins again, by what an operator would call it. */
export const redisFaults: Readonly<Record<string, RedisFault>> = {
  'is killed, and restarted empty': {
    begin: ({ redis }) => redis.kill(),
    end: ({ redis }) => redis.restart(),
  },
  'freezes, and thaws': {
    begin: ({ redis }) => redis.freeze(),
    end: ({ redis }) => redis.thaw(),
  },
  'becomes a replica that refuses writes, and a primary again': {
    begin: ({ redis }) => redis.client.call('REPLICAOF', '127.0.0.1', '1'),
    end: ({ redis }) => redis.client.call('REPLICAOF', 'NO', 'ONE'),
  },
  'is full, and has room again': {
    begin: ({ redis }) => redis.client.call('CONFIG', 'SET', 'maxmemory', '1', 'maxmemory-policy', 'noeviction'),
    end: ({ redis }) => redis.client.call('CONFIG', 'SET', 'maxmemory', '0'),
  },
  'takes 200 ms for every answer, and recovers': {
    begin: ({ network }) => network.delayAnswers(200),
    end: ({ network }) => network.delayAnswers(0),
  },
  'cuts all connections and asks for a password, and no more': {
    async begin({ redis }) {
      await redis.client.call('CONFIG', 'SET', 'requirepass', 'hunter2');
      await redis.client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    },
    end: ({ redis }) => redis.client.call('CONFIG', 'SET', 'requirepass', ''),
  },
};

/** Makes one request and tells whether Redis has counted it. The gateway must trust X-Forwarded-For from loopback. */
export async function isCountedIn(redis: TestRedis, url: string): Promise<boolean> {
  const address = '192.0.2.77';
  const count = async () => Number(await redis.client.get(`psa:limit:anonymous:${address}`));
  const before = await count();
  await fetch(url, { headers: { 'x-forwarded-for': address } }).then((response) => response.arrayBuffer());
  return (await count()) > before;
}
