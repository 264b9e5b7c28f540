import { readFileSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { stringify } from 'yaml';
import { call } from '../support/call.ts';
import { anonymous, documentedCommands, idsIn, settled, withOutputs } from '../support/console-blocks.ts';
import { freePort } from '../support/free-port.ts';
import { bearer, startGateway, tokenFor } from '../support/gateway.ts';
import { type OperatorCommand, operatorCommand } from '../support/operator-command.ts';
import { startRedis, type TestRedis } from '../support/redis-server.ts';
import { until } from '../support/until.ts';

const root = resolve(import.meta.dirname, '../..');
const path = join(root, 'docs/operator.md');
const document = readFileSync(path, 'utf8');

/** Renews the outputs of the page instead of comparing them. */
const isUpdate = process.env.UPDATE_DOCS === '1';

/** Of the page. */
const REQUEST_ID = '5f0c4e0b8d3a4c1e9b7a2d6f1c3e5a79';

let redis: TestRedis;
let gateway: OperatorCommand;
beforeAll(async () => {
  redis = await startRedis();
  const shipped = readFileSync(join(root, 'gateway.yaml'), 'utf8');
  gateway = await operatorCommand({ redisPort: redis.port, file: `${shipped}\n${stringify(sections)}` });
  await refuseSome();
});
afterAll(async () => {
  await gateway.close();
  await redis.stop();
});

/** Such as an operator would have. */
const sections = {
  plans: { free: { limit: 100, windowMs: 900_000 }, premium: { limit: 1000, windowMs: 900_000 } },
  defaultPlan: 'free',
};

/** What the page asks about. */
async function refuseSome(): Promise<void> {
  const routes = [{ path: '/api/v1/crm/*', upstream: 'crm', roles: ['manager'] }];
  const upstreams = { crm: await freePort() };
  const env = { USER_RATE_LIMIT_MAX: '1000', RATE_LIMIT_MAX_REQUESTS: '100' };
  const worker = await startGateway({ upstreams, routes, sections, redisPort: redis.port, env });
  const url = `${worker.url}/api/v1/crm/companies`;
  await call(url, { headers: { 'x-forwarded-for': '203.0.113.9' } });
  const headers = { ...bearer(tokenFor({ sub: 'ada', tenantId: 'acme' })), 'x-request-id': REQUEST_ID };
  await call(url, { headers: { ...headers, 'x-forwarded-for': '198.51.100.7' } });
  await until('the explanation', async () => (await redis.client.exists(`psa:explain:${REQUEST_ID}`)) === 1);
  await worker.stop();
}

/** Runs what a shell would make of a line: settings, `npx gateway`, arguments, and where input comes from or output goes. */
async function runLine(line: string): Promise<string> {
  const [, settings = '', args = '', direction, file = ''] =
    /^((?:[A-Z_]+=\S+ )*)npx gateway ([^<>]*?)(?: ([<>]) (\S+))?$/.exec(line) ?? [];
  const env = Object.fromEntries(
    settings
      .split(' ')
      .filter(Boolean)
      .map((setting) => setting.split('=')),
  );
  const input = direction === '<' ? await readFile(join(gateway.folder, file), 'utf8') : '';
  const { stdout, stderr } = await gateway.run(args.split(' '), { env, input });
  if (direction === '>') writeFileSync(join(gateway.folder, file), stdout);
  return (direction === '>' ? stderr : stdout + stderr).trimEnd();
}

describe('docs/operator.md', () => {
  it('shows what every command says', async () => {
    // What the page calls a key or a token, and what this run does.
    const names = new Map<string, string>();
    const outputs: string[] = [];
    for (const { command, output } of documentedCommands(document)) {
      const line = [...names].reduce((text, [shown, real]) => text.replaceAll(shown, real), command);
      const said = await runLine(line);
      const shownIds = idsIn(output);
      for (const [index, real] of idsIn(said).entries()) names.set(shownIds[index] ?? real, real);
      outputs.push([...names].reduce((text, [shown, real]) => text.replaceAll(real, shown), anonymous(said)));
      if (!isUpdate) expect(`$ ${command}\n${settled(said)}`).toBe(`$ ${command}\n${settled(output)}`);
    }
    if (isUpdate) writeFileSync(path, withOutputs(document, outputs));
    // Each command is a process.
  }, 120_000);

  it('shows every command that there is', async () => {
    const { stdout } = await gateway.run(['--help']);
    const commands = [...stdout.matchAll(/^ {2}([a-z]+) .* {2,}\S/gm)].map(([, name = '']) => name);
    const shown = documentedCommands(document).map(({ command }) => /npx gateway (\S+)/.exec(command)?.[1]);
    expect(commands.filter((name) => name !== 'help' && !shown.includes(name))).toEqual([]);
  });
});
