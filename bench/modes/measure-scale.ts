import { PREFIX } from '../contenders/contender.ts';
import { closedLoop } from '../measure/closed-loop.ts';
import { cpuTimeOf, memoryOf } from '../measure/process-account.ts';
import { median, rounded } from '../measure/statistics.ts';
import type { ScaleFigures } from '../report/result.ts';
import { tokenMint } from '../rig/mint-token.ts';
import { payloads } from '../rig/payloads.ts';
import { type Rig, requestBytes } from '../rig/rig.ts';
import { routePath, startGatewayWithRoutes } from './gateway-with-routes.ts';
import { visitors } from './visitors.ts';

interface ScaleOptions {
  readonly rig: Rig;
  readonly users: number;
  readonly requestsPerUser: number;
  readonly say: (text: string) => void;
}

const FEW_ROUTES = 3;
const MANY_ROUTES = 1000;
const ROUNDS = 25;
const CONNECTIONS = 32;
/** In each round, of those who only serve for comparison. Some 0.7 s of CPU time, which the system counts in hundredths. */
const CHUNK = 10_000;

/** One kind of load in turns with the others. */
interface Lot {
  readonly name: 'few' | 'manyRoutes' | 'many' | 'strangers';
  readonly gateway: { readonly port: number; readonly pid: number };
  readonly requests: number;
  readonly nextRequest: () => string;
}

/** Many routes and users against few, in turns: what it costs per request, and what it holds in memory. */
export async function measureScale({ rig, users, requestsPerUser, say }: ScaleOptions): Promise<ScaleFigures> {
  const few = await startGatewayWithRoutes(rig, FEW_ROUTES);
  const many = await startGatewayWithRoutes(rig, MANY_ROUTES);
  try {
    const lots = lotsOf({ few, many, users, requestsPerUser });
    say('warming up');
    for (const lot of lots.slice(0, 2)) for (let i = 0; i < 3; i++) await play(lot);
    const residentBefore = memoryOf([many.pid]).resident;
    const redisBefore = await redisKibibytes(rig);
    const costs = await playInTurns(lots, say);
    const medianOf = (name: Lot['name']) => rounded(median(costs.get(name) ?? []));
    return {
      routes: MANY_ROUTES,
      users,
      requestsPerUser,
      cpuOfFew: medianOf('few'),
      cpuOfManyRoutes: medianOf('manyRoutes'),
      cpuOfMany: medianOf('many'),
      cpuOfStrangers: medianOf('strangers'),
      residentBefore,
      residentAfter: memoryOf([many.pid]).resident,
      redisBefore,
      redisAfter: await redisKibibytes(rig),
    };
  } finally {
    await few.stop();
    await many.stop();
  }
}

interface LotOptions extends Pick<ScaleOptions, 'users' | 'requestsPerUser'> {
  readonly few: Lot['gateway'];
  readonly many: Lot['gateway'];
}

function lotsOf({ few, many, users, requestsPerUser }: LotOptions): Lot[] {
  const mint = tokenMint();
  const path = payloads[0]?.path ?? '';
  const request = (place: string, user: number) =>
    requestBytes(`${place}${path}`, { authorization: `Bearer ${mint(user)}`, 'user-agent': 'bench' });
  let turn = 0;
  const nextPlace = () => routePath(turn++ % MANY_ROUTES);
  const nextUser = visitors(requestsPerUser);
  // None of them is among the users above.
  let stranger = users * 2;
  return [
    { name: 'few', gateway: few, requests: CHUNK, nextRequest: () => request(PREFIX, 0) },
    { name: 'manyRoutes', gateway: many, requests: CHUNK, nextRequest: () => request(nextPlace(), 0) },
    {
      name: 'many',
      gateway: many,
      requests: Math.ceil((users * requestsPerUser) / ROUNDS),
      nextRequest: () => request(nextPlace(), nextUser()),
    },
    { name: 'strangers', gateway: many, requests: CHUNK, nextRequest: () => request(nextPlace(), stranger++) },
  ];
}

async function playInTurns(lots: readonly Lot[], say: ScaleOptions['say']): Promise<Map<Lot['name'], number[]>> {
  const costs = new Map<Lot['name'], number[]>();
  for (let round = 0; round < ROUNDS; round++) {
    if (round % 5 === 0) say(`round ${round + 1} of ${ROUNDS}`);
    for (const lot of lots) costs.set(lot.name, [...(costs.get(lot.name) ?? []), await play(lot)]);
  }
  return costs;
}

/** Returns the CPU time per request, in microseconds. */
async function play({ gateway: { port, pid }, requests, nextRequest }: Lot): Promise<number> {
  const before = cpuTimeOf([pid]);
  const expected = { status: 200, bodyBytes: payloads[0]?.bytes ?? 0 };
  await closedLoop({ port, nextRequest, expected, connections: CONNECTIONS, requests });
  const after = cpuTimeOf([pid]);
  return (after.user + after.system - before.user - before.system) / requests;
}

async function redisKibibytes({ redis }: Rig): Promise<number> {
  const bytes = /^used_memory:(\d+)/m.exec(await redis.client.info('memory'))?.[1];
  return Math.round(Number(bytes) / 1024);
}
