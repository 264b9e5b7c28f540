import { once } from 'node:events';
import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net';

/** The network between a gateway and its Redis, with faults to order. */
export interface RedisProxy {
  readonly port: number;
  /** Holds every answer of Redis back for so long. */
  delayAnswers(milliseconds: number): void;
  /** Open connections carry nothing any more and nobody closes them, as when a firewall forgets them. New ones work. */
  swallowConnections(): void;
  /** New connections lead to another Redis, as a name or a virtual address does after a failover. */
  leadTo(redisPort: number): void;
  stop(): Promise<void>;
}

/** Starts a proxy on a free port in front of a Redis on loopback; without a port it leads nowhere yet. */
export async function startRedisProxy(redisPort = 0): Promise<RedisProxy> {
  const sockets = new Set<Socket>();
  let target = redisPort;
  let delayMs = 0;
  let swallowed = new WeakSet<Socket>();
  const server = createServer((client) => {
    const redis = createConnection({ port: target, host: '127.0.0.1' });
    const isSwallowed = () => swallowed.has(client);
    for (const socket of [client, redis]) {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket)).on('error', () => undefined);
    }
    client.on('data', (bytes) => void (isSwallowed() || redis.write(bytes)));
    client.on('close', () => redis.destroy());
    const answers: Buffer[] = [];
    redis.on('data', (bytes) => {
      // The oldest first, whichever timer fires: nothing overtakes on a connection, also when the delay gets shorter.
      answers.push(bytes);
      setTimeout(() => void (isSwallowed() || client.write(answers.shift() ?? '')), delayMs);
    });
    redis.on('close', () => void (isSwallowed() || client.destroy()));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    delayAnswers(milliseconds) {
      delayMs = milliseconds;
    },
    swallowConnections() {
      swallowed = new WeakSet(sockets);
    },
    leadTo(otherPort) {
      target = otherPort;
    },
    async stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
