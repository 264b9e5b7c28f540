// npm run bench:forged [-- --rounds 10]
// What a flood of forged tokens costs one worker, by the algorithm of the issuer: time to the 401, and CPU time.
// Ends with 1 if one of them gets another answer than 401.
import { writeFile } from 'node:fs/promises';
import { Agent } from 'node:http';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { stringify } from 'yaml';
import { call } from '../test/support/call.ts';
import { forge } from '../test/support/forge-token.ts';
import { type Forgeries, unsignedForgeries } from '../test/support/forged-tokens.ts';
import { bearer } from '../test/support/gateway.ts';
import { type IssuerKey, issuerKey } from '../test/support/issuer-keys.ts';
import { startKeyServer } from '../test/support/key-server.ts';
import { unfitTokens } from '../test/support/unfit-tokens.ts';
import { PREFIX, type RunningContender } from './contenders/contender.ts';
import { startOneWorker } from './contenders/gateway.ts';
import { cpuTimeOf } from './measure/process-account.ts';
import { quantile } from './measure/statistics.ts';
import { asText, short, whole } from './report/table.ts';
import { type Rig, setUpRig } from './rig/rig.ts';

const WARM_UP_ROUNDS = 3;
const GUESSES = 250;
const ISSUER = 'https://issuer.example';
const AUDIENCE = 'psa-api';
const NOT_PRINTABLE = /[^\x21-\x7e]/g;

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '10' } } });
const rounds = Number(values.rounds);
const keys = ['RS256', 'PS256', 'ES256', 'EdDSA'].map((alg) => issuerKey(alg));
const agent = new Agent({ keepAlive: true, maxSockets: 1 });
const rig = await setUpRig();
const keyServer = await startKeyServer(...keys);
const gateway = await startGateway(rig);
try {
  const lines: string[][] = [];
  for (const [name, authorizations] of allKinds()) lines.push(await measure(name, authorizations));
  const heading = ['tokens', 'kinds', 'sent', 'p50 ms', 'p99 ms', 'CPU µs each', 'answered otherwise'];
  console.log(`\n${asText({ heading, lines })}\n`);
} finally {
  agent.destroy();
  await gateway.stop();
  await keyServer.stop();
  await rig.tearDown();
}

async function startGateway({ folder, redis, upstream }: Rig): Promise<RunningContender> {
  const file = join(folder, 'gateway.yaml');
  const algorithms = keys.map(({ alg }) => alg);
  const issuers = [{ issuer: ISSUER, jwksUrl: keyServer.jwksUrl, audience: [AUDIENCE], algorithms, subjectPrefix: '' }];
  const upstreams = { crm: { url: `http://127.0.0.1:${upstream.port}` } };
  const routes = [{ path: `${PREFIX}/*`, upstream: 'crm' }];
  await writeFile(file, stringify({ upstreams, routes, identity: { issuers } }));
  return startOneWorker({ folder, file, upstreamPort: upstream.port, redisPort: redis.port });
}

/** What to send, by what it is. A request without a token shows what a 401 costs that needs no look at one. */
function allKinds(): (readonly [name: string, headers: readonly Record<string, string>[]])[] {
  const nothing = Array.from({ length: GUESSES }, () => ({}));
  const guesses = Array.from({ length: GUESSES }, (_, index) => [`guess ${index}`, forge({ key: `guess ${index}` })]);
  const ofIssuer = (key: IssuerKey) => {
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: ISSUER, aud: AUDIENCE, sub: 'ann', iat: now, exp: now + 3600, roles: ['agent'] };
    return [
      [`${key.alg}: forged`, carried(unsignedForgeries({ key, claims }))],
      [`${key.alg}: signed, but not acceptable`, carried(unfitTokens({ key, claims }))],
    ] as const;
  };
  return [
    ['none', nothing],
    ['HS256: signed with a guessed secret', carried(Object.fromEntries(guesses))],
    ...keys.flatMap(ofIssuer),
  ];
}

function carried(tokens: Forgeries): Record<string, string>[] {
  return Object.values(tokens).map((token) => bearer(token.replaceAll(NOT_PRINTABLE, ' ')));
}

async function measure(name: string, requests: readonly Record<string, string>[]): Promise<string[]> {
  for (let round = 0; round < WARM_UP_ROUNDS; round++) await send(requests);
  const latenciesMs: number[] = [];
  let strays = 0;
  const before = cpuTimeOf([gateway.pid]);
  for (let round = 0; round < rounds; round++) strays += await send(requests, latenciesMs);
  const after = cpuTimeOf([gateway.pid]);
  const cpu = after.user + after.system - before.user - before.system;
  if (strays > 0) process.exitCode = 1;
  latenciesMs.sort((a, b) => a - b);
  const percentiles = [0.5, 0.99].map((share) => short(quantile(latenciesMs, share)));
  const sent = latenciesMs.length;
  return [name, whole(requests.length), whole(sent), ...percentiles, whole(cpu / sent), whole(strays)];
}

/** One after the other; returns how many got anything else than a 401. */
async function send(requests: readonly Record<string, string>[], latenciesMs: number[] = []): Promise<number> {
  let strays = 0;
  for (const headers of requests) {
    const sentAt = performance.now();
    const { status } = await call(`http://127.0.0.1:${gateway.port}${PREFIX}/x`, { headers, agent });
    latenciesMs.push(performance.now() - sentAt);
    if (status !== 401) strays++;
  }
  return strays;
}
