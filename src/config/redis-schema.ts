import type { z } from 'zod';
import { listOf, parseRedisUrl, setting, text, wholeNumber } from './setting-kinds.ts';

/** One server of several. */
export interface HostAndPort {
  readonly host: string;
  readonly port: number;
}

const servers = 'host:port of several, such as 10.0.0.1:6379,10.0.0.2:6379';

/** Every environment variable that says where Redis is. */
export const redisSettings = {
  REDIS_HOST: text({ description: 'Redis, the only state that workers share.' }).prefault('localhost'),
  REDIS_PORT: wholeNumber({ min: 1, max: 65_535, description: 'Port of Redis.' }).prefault('6379'),
  REDIS_USERNAME: text({ description: 'User of Redis, if it has more than one (ACL).' }).optional(),
  REDIS_PASSWORD: text({ description: 'Password of Redis, if it asks for one.', isSecret: true }).optional(),
  REDIS_TLS: setting((value) => ({ true: true, false: false })[value], {
    description: 'TLS, for everything but REDIS_URL. A private authority goes into NODE_EXTRA_CA_CERTS.',
    expected: '`true` or `false`',
  }).prefault('false'),
  REDIS_URL: setting(parseRedisUrl, {
    description: 'Instead of REDIS_HOST, REDIS_PORT, REDIS_USERNAME and REDIS_PASSWORD.',
    expected: 'redis://[user:password@]host[:port][/db] or rediss://… for TLS',
    isSecret: true,
  }).optional(),
  REDIS_SENTINELS: listOf(parseHostAndPort, {
    description: 'Sentinels that know the primary, instead of REDIS_URL or REDIS_HOST.',
    expected: servers,
  }).optional(),
  REDIS_SENTINEL_MASTER: text({ description: 'What the Sentinels call the primary.' }).prefault('mymaster'),
  REDIS_SENTINEL_PASSWORD: text({
    description: 'Password of the Sentinels, if they ask for one.',
    isSecret: true,
  }).optional(),
  REDIS_CLUSTER_NODES: listOf(parseHostAndPort, {
    description: 'Some nodes of a Redis Cluster, instead of REDIS_URL or REDIS_HOST. They know the others.',
    expected: servers,
  }).optional(),
};

export type RedisSettings = z.output<z.ZodObject<typeof redisSettings>>;

/** What names one place only: two of them at a time would leave it to chance where the limits are. */
export function oneRedis(settings: RedisSettings, context: z.RefinementCtx): void {
  const [first, ...others] = (['REDIS_URL', 'REDIS_SENTINELS', 'REDIS_CLUSTER_NODES'] as const).filter(
    (name) => settings[name] !== undefined,
  );
  for (const name of others) context.addIssue({ code: 'custom', path: [name], message: `${first} is set too` });
}

function parseHostAndPort(text: string): HostAndPort | undefined {
  const [, ipv6, name, port] = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = ipv6 ?? name;
  return host === undefined || Number(port) < 1 || Number(port) > 65_535 ? undefined : { host, port: Number(port) };
}
