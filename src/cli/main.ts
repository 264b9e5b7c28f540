#!/usr/bin/env node
import { userInfo } from 'node:os';
import { text } from 'node:stream/consumers';
import { unsafeNode } from '../process/unsafe-node.ts';

/** Wrong usage: this Node can't run the rest. */
const EXIT_USAGE = 2;

const refusal = unsafeNode(process.versions.node, process.execArgv);
if (refusal !== undefined) {
  console.error(refusal);
  process.exit(EXIT_USAGE);
}

// Whoever reads the output may have had enough of it, such as `head`.
process.stdout.on('error', () => process.exit());
const stop = new AbortController();
process.once('SIGINT', () => stop.abort());
process.once('SIGTERM', () => stop.abort());

// Not loaded before: the rest needs a newer Node than the check.
const { run } = await import('./run.ts');
process.exitCode = await run(process.argv.slice(2), {
  environment: process.env,
  folder: process.cwd(),
  operator: userInfo().username,
  now: Date.now,
  write: (output) => void process.stdout.write(output),
  warn: (output) => void process.stderr.write(output),
  readInput() {
    // Else it would look as if nothing happened.
    if (process.stdin.isTTY) process.stderr.write('Paste it, then Enter and Ctrl+D:\n');
    return text(process.stdin);
  },
  signal: stop.signal,
});
