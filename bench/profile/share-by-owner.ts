import type { Share } from '../report/result.ts';
import type { Frame } from './cpu-profile.ts';

/** Names of parts that Node itself spends time in. */
const ENGINE = new Map([
  ['(garbage collector)', 'garbage collection'],
  ['(program)', 'native code outside of JavaScript'],
]);

/** What works between our stages without being one of them. */
const ROUTER = /node_modules\/(?:express|router|path-to-regexp|parseurl)\//;

/** Parts of Node, by the first word of a module's name. */
const NODE_PARTS = new Map([
  ['_http_server', 'Node, http'],
  ['_http_outgoing', 'Node, http'],
  ['_http_incoming', 'Node, http'],
  ['_http_common', 'Node, http'],
  ['net', 'Node, sockets'],
  ['stream_base_commons', 'Node, sockets'],
  ['streams', 'Node, streams'],
  ['stream', 'Node, streams'],
  ['timers', 'Node, timers'],
  ['process', 'Node, ticks and promises'],
]);

/**
 * Divides the time among those who caused it: a sample belongs to the nearest function on its stack that is ours, or that is
 * Express. So what a stage asks of a library or of Node counts as the stage's. What no stage has asked for, such as bytes that
 * arrive, belongs to the library or the part of Node that receives them.
 */
export function shareByOwner(tree: Frame): Share[] {
  const times = new Map<string, number>();
  const visit = (frame: Frame, above: string | undefined) => {
    const owner = strongOwner(frame) ?? above;
    const name = owner ?? weakOwner(frame);
    times.set(name, (times.get(name) ?? 0) + frame.selfMicroseconds);
    // A library keeps what Node does for it, until a function of ours is found.
    for (const child of frame.children) visit(child, owner ?? libraryOf(frame));
  };
  visit(tree, undefined);
  const percentOf = (time: number) => Math.round((time / tree.totalMicroseconds) * 1000) / 10;
  return [...times]
    .map(([owner, time]) => ({ owner, percent: percentOf(time) }))
    .filter(({ percent }) => percent > 0)
    .toSorted((a, b) => b.percent - a.percent);
}

function strongOwner({ name, url }: Frame): string | undefined {
  const engine = ENGINE.get(name);
  if (engine !== undefined) return engine;
  if (ROUTER.test(url)) return 'express';
  const own = libraryOf({ url }) === undefined ? /\/dist\/(.+)\.js$/.exec(url)?.[1] : undefined;
  if (own !== undefined) return own.includes('/') ? `src/${own.split('/')[0]}` : `src/${own}.ts`;
  return undefined;
}

function libraryOf({ url }: Pick<Frame, 'url'>): string | undefined {
  return /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1];
}

function weakOwner(frame: Frame): string {
  const library = libraryOf(frame);
  if (library !== undefined) return library;
  const part = /^node:(?:internal\/)?(\w+)/.exec(frame.url)?.[1];
  if (part !== undefined) return NODE_PARTS.get(part) ?? 'Node, other';
  return 'Node, native';
}
