import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RequestLine } from './request-line.ts';

/** Reads what the threads of the generator have written so far. */
export function readRequests(folder: string): RequestLine[] {
  const files = readdirSync(folder).filter((name) => /^requests-\d+\.jsonl$/.test(name));
  return files.flatMap((name) => {
    // The last piece is empty, or a line that is still being written.
    const whole = readFileSync(join(folder, name), 'utf8').split('\n').slice(0, -1);
    return whole.map((line) => JSON.parse(line) as RequestLine);
  });
}
