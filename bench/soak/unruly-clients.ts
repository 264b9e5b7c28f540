import { connect, type Socket } from 'node:net';

/** What a client does with a connection of its own, and how long it stays, in milliseconds. */
interface Behaviour {
  readonly name: string;
  readonly bytes: (authorization: string) => string;
  readonly stayMs: number;
  /** Whether it takes nothing of the answer. */
  readonly isSlowReader?: boolean;
}

const get = (path: string, ...lines: string[]) =>
  `GET ${path} HTTP/1.1\r\nHost: soak\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`;
const CRM = '/api/v1/crm/thing';
const LARGE = '/api/v1/crm/large';
const upload = (authorization: string, body: string) =>
  `POST ${CRM} HTTP/1.1\r\nHost: soak\r\nAuthorization: ${authorization}\r\nContent-Length: 100000\r\n\r\n${body}`;
const UPGRADE = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
];

const behaviours: readonly Behaviour[] = [
  { name: 'leaves before it sends', bytes: () => '', stayMs: 50 },
  { name: 'leaves in the head', bytes: () => `GET ${CRM} HTT`, stayMs: 50 },
  { name: 'leaves with the head sent', bytes: (token) => get(CRM, `Authorization: ${token}`), stayMs: 0 },
  { name: 'leaves in its body', bytes: (token) => upload(token, 'x'.repeat(20_000)), stayMs: 30 },
  { name: 'leaves in the answer', bytes: (token) => get(LARGE, `Authorization: ${token}`), stayMs: 15 },
  { name: 'reads slowly', bytes: (token) => get(LARGE, `Authorization: ${token}`), stayMs: 3000, isSlowReader: true },
  {
    name: 'asks for what is not there',
    bytes: (token) => get('/nothing/here', `Authorization: ${token}`),
    stayMs: 200,
  },
  { name: 'has a bad token', bytes: () => get(CRM, 'Authorization: Bearer eyJhbGciOiJub25lIn0.e30.'), stayMs: 200 },
  { name: 'speaks no HTTP', bytes: () => '\x16\x03\x01\x02\x00\x01\x00\x01', stayMs: 200 },
  { name: 'asks to upgrade', bytes: (token) => get(CRM, `Authorization: ${token}`, ...UPGRADE), stayMs: 200 },
];

interface UnrulyOptions {
  readonly port: number;
  readonly authorization: string;
  readonly perSecond: number;
}

/** Clients that come all the time, misbehave in one way each, and leave by a reset. Returns how to stop them. */
export function unrulyClients({ port, authorization, perSecond }: UnrulyOptions) {
  const counts: Record<string, number> = {};
  const present = new Set<Socket>();
  let turn = 0;
  const timer = setInterval(() => {
    const behaviour = behaviours[turn++ % behaviours.length];
    if (behaviour === undefined) return;
    counts[behaviour.name] = (counts[behaviour.name] ?? 0) + 1;
    const socket = connect(port, '127.0.0.1');
    present.add(socket);
    socket.on('close', () => present.delete(socket)).on('error', () => undefined);
    if (behaviour.isSlowReader) socket.pause();
    else socket.resume();
    socket.on('connect', () => {
      socket.write(behaviour.bytes(authorization));
      setTimeout(() => socket.resetAndDestroy(), behaviour.stayMs);
    });
  }, 1000 / perSecond);
  return {
    counts,
    stop() {
      clearInterval(timer);
      for (const socket of present) socket.resetAndDestroy();
    },
  };
}
