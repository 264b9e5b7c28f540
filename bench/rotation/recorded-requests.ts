import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

/** What a log file and everything that was rotated from it say of requests. */
export interface RecordedRequests {
  readonly files: readonly string[];
  /** The ids of all requests to the path, in the order of the files; one that stands there twice is here twice. */
  readonly ids: string[];
  readonly workers: ReadonlySet<string>;
  /** Lines that are no JSON. */
  readonly torn: number;
}

/** Reads `name`, `name.1`, `name.2.gz` and so on. */
export function recordedRequests(folder: string, name: string, path: string): RecordedRequests {
  const files = readdirSync(folder).filter((file) => file.startsWith(name));
  const ids: string[] = [];
  const workers = new Set<string>();
  let torn = 0;
  for (const line of files.flatMap((file) => linesOf(join(folder, file)))) {
    const record = parsed(line);
    if (record === undefined) torn++;
    else if (record.path === path) {
      ids.push(String(record.requestId));
      workers.add(String(record.worker));
    }
  }
  return { files, ids, workers, torn };
}

function linesOf(file: string): string[] {
  const bytes = readFileSync(file);
  const text = (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString();
  return text.split('\n').filter((line) => line !== '');
}

function parsed(line: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
