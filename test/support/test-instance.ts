import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { TestGateway } from './gateway.ts';

/** One instance of a service, which says who it is, and can be killed and come back. */
export interface TestInstance {
  readonly name: string;
  readonly port: number;
  readonly url: string;
  /** The requests that it has received: method and path. */
  readonly received: readonly string[];
  connectionCount(): number;
  /** What it does with requests from now on; by default it answers 200 with its name. */
  answerWith(listener: RequestListener | undefined): void;
  /** Cuts every connection and listens no more, as a process that is killed does. */
  kill(): Promise<void>;
  /** Listens again, on the same port. */
  comeBack(): Promise<void>;
  stop(): Promise<void>;
}

interface InstanceOptions {
  readonly host?: string;
  readonly port?: number;
}

/** Starts one, on a free port of 127.0.0.1. */
export async function startInstance(name: string, options: InstanceOptions = {}): Promise<TestInstance> {
  const { host = '127.0.0.1' } = options;
  const received: string[] = [];
  const sockets = new Set<Socket>();
  let answer: RequestListener | undefined;
  let server: Server | undefined;
  const listen = async (port: number) => {
    server = createServer({ keepAliveTimeout: 60_000 }, (req, res) => {
      received.push(`${req.method} ${req.url}`);
      if (answer !== undefined) return answer(req, res);
      void bodyOf(req).then((body) => res.setHeader('x-instance', name).end(`${name} ${body}`.trim()));
    });
    server.on('connection', (socket) => {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket)).on('error', () => undefined);
    });
    await once(server.listen(port, host), 'listening');
    return (server.address() as AddressInfo).port;
  };
  const kill = async () => {
    if (server === undefined) return;
    const closed = once(server, 'close');
    server.close();
    for (const socket of sockets) socket.resetAndDestroy();
    await closed;
    server = undefined;
  };
  const port = await listen(options.port ?? 0);
  return {
    name,
    port,
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    received,
    connectionCount: () => sockets.size,
    answerWith(listener) {
      answer = listener;
    },
    kill,
    async comeBack() {
      await listen(port);
    },
    stop: kill,
  };
}

async function bodyOf(req: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of req) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

/** What the gateway says of one instance. */
export interface InstanceReport {
  readonly number: number;
  readonly state: string;
  readonly part: number;
  readonly underWay: number;
  readonly ejections: number;
}

/** The instances of an upstream, as an operator sees them. */
export async function instancesOf({ url }: TestGateway, name = 'crm'): Promise<InstanceReport[]> {
  const response = await fetch(`${url}/health/detailed`);
  const { instances } = (await response.json()) as { instances: Record<string, InstanceReport[]> };
  return instances[name] ?? [];
}
