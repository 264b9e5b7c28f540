import { describe, expect, it } from '@jest/globals';
import { type CpuProfile, callTree } from '../../../bench/profile/cpu-profile.ts';
import { flameGraph } from '../../../bench/profile/flame-graph.ts';
import { shareByOwner } from '../../../bench/profile/share-by-owner.ts';

type Call = readonly [id: number, name: string, url: string, children: readonly number[]];
const root = 'file:///somewhere';
const calls: readonly Call[] = [
  [1, '(root)', '', [2, 9, 10, 11, 15]],
  [2, 'onRequest', 'node:_http_server', [3]],
  [3, 'handle', `${root}/node_modules/router/index.js`, [4]],
  [4, 'limitRate', `${root}/dist/rate-limit/limit-rate.js`, [5, 6]],
  [5, 'sendCommand', `${root}/node_modules/ioredis/built/Redis.js`, [7]],
  [6, 'next', `${root}/node_modules/router/index.js`, [8]],
  [7, 'write', 'node:net', []],
  [8, 'authorize', `${root}/dist/auth/authorize.js`, []],
  [9, '(idle)', '', []],
  [10, '(garbage collector)', '', []],
  [11, 'onData', 'node:net', [12]],
  [12, 'parse', `${root}/node_modules/redis-parser/lib/parser.js`, [13, 14]],
  [13, 'slice', 'node:buffer', []],
  [14, 'settle', `${root}/dist/redis/connect.js`, []],
  [15, 'constructor', `${root}/node_modules/http-proxy-middleware/dist/factory.js`, []],
];
const ids = [3, 4, 7, 6, 8, 9, 10, 11, 13, 14, 15];
const profile: CpuProfile = {
  nodes: calls.map(([id, functionName, url, children]) => ({ id, callFrame: { functionName, url }, children })),
  samples: ids,
  timeDeltas: ids.map(() => 100),
  startTime: 1000,
};
const always = { from: 0, until: 1e9 };

describe('callTree', () => {
  it('adds the time of what is called to the caller, and leaves waiting out', () => {
    const tree = callTree(profile, always);
    expect(tree.totalMicroseconds).toBe(1000);
    expect(tree.children.map(({ name, totalMicroseconds }) => [name, totalMicroseconds])).toEqual([
      ['onRequest', 500],
      ['(garbage collector)', 100],
      ['onData', 300],
      ['constructor', 100],
    ]);
  });

  it('counts only what happened within the span', () => {
    expect(callTree(profile, { from: 1150, until: 1350 }).totalMicroseconds).toBe(200);
  });
});

describe('shareByOwner', () => {
  const shares = Object.fromEntries(
    shareByOwner(callTree(profile, always)).map(({ owner, percent }) => [owner, percent]),
  );

  it('charges a stage with what it asks of libraries and of Node, but not with the stages behind it', () => {
    expect(shares).toMatchObject({ 'src/rate-limit': 20, 'src/auth': 10, express: 20 });
  });

  it('charges who receives what nobody has asked for', () => {
    expect(shares).toMatchObject({ 'Node, sockets': 10, 'redis-parser': 10, 'src/redis': 10 });
  });

  it('takes no library for ours, whatever its folders and functions are called', () => {
    expect(shares).toMatchObject({ 'http-proxy-middleware': 10 });
  });

  it('names the garbage collector, and leaves nothing out', () => {
    expect(shares).toMatchObject({ 'garbage collection': 10 });
    expect(Object.values(shares).reduce((sum, percent) => sum + percent, 0)).toBe(100);
  });
});

describe('flameGraph', () => {
  const svg = flameGraph(callTree(profile, always), 'one & all');

  it('has a rectangle for each function, with its share', () => {
    expect(svg).toContain('<title>limitRate dist/rate-limit/limit-rate.js 40.00 %</title>');
    expect(svg.match(/<title>/g)).toHaveLength(14);
  });

  it('escapes what would be markup', () => {
    expect(svg).toContain('one &amp; all');
  });
});
