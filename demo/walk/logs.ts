import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** A line of a log file, parsed. */
export type LogLine = Readonly<Record<string, unknown>>;

/** The gateway's log files. */
export interface Logs {
  /** The line of one request; undefined while there is none. */
  access(requestId: unknown): Promise<LogLine | undefined>;
  /** What the workers said of themselves and their neighbours since a moment. */
  lifecycle(sinceMs: number): Promise<LogLine[]>;
}

/** Reads the log files of a folder. */
export function logsIn(folder: string): Logs {
  const lines = async (file: string, isWanted: (line: string) => boolean): Promise<LogLine[]> => {
    const text = await readFile(join(folder, file), 'utf8');
    // The last piece is empty, or a line that is still being written.
    const whole = text.split('\n').slice(0, -1);
    return whole.filter(isWanted).map((line) => JSON.parse(line) as LogLine);
  };
  return {
    access: async (requestId) => (await lines('access.log', (line) => line.includes(`"${requestId}"`)))[0],
    async lifecycle(sinceMs) {
      const found = await lines('combined.log', (line) => !line.includes('"message":"request"'));
      return found.filter(({ timestamp }) => Date.parse(String(timestamp)) >= sinceMs);
    },
  };
}
