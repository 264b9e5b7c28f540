import { createRequire } from 'node:module';
import { relative } from 'node:path';

// The package is CommonJS with a default export.
const { default: TestSequencer } = createRequire(import.meta.url)('@jest/test-sequencer');

/** What takes a quarter of a minute or more by itself, longest first. */
const LONG = [
  ...['system/pm2', 'system/demo', 'system/metrics', 'system/api-docs-page', 'integration/operator-command'],
  ...['integration/breaker', 'integration/streaming-events', 'integration/operator-docs'],
  ...['integration/operator-command-stores', 'system/log-rotation', 'integration/through-nginx-connections'],
  ...['integration/big-bodies', 'integration/malformed-answers', 'system/exact-limits'],
].map((name) => `test/${name}.test.ts`);

/**
 * Starts the long files first, so that none of them runs on by itself when all others are done. Jest knows how long a file
 * takes once it has run it, which in a fresh clone it has not.
 */
export default class LongestFirst extends TestSequencer {
  sort(tests) {
    const rank = ({ path }) => {
      const index = LONG.indexOf(relative(process.cwd(), path));
      return index === -1 ? LONG.length : index;
    };
    return super.sort(tests).toSorted((a, b) => rank(a) - rank(b));
  }
}
