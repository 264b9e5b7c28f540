import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../../src/observe/logger.ts';
import { until } from './until.ts';

/** The files that a gateway logs to. */
export type LogFile = 'access' | 'error' | 'combined' | 'audit';

type Line = Record<string, unknown>;

interface LoggedLinesOptions {
  readonly logger: Logger;
  readonly folder: string;
}

const MARK = 'mark-of-the-test-';

/** A client may have its answer some turns of the event loop before its line is written. */
const TURNS = 4;
const TURN_MS = 5;

let marks = 0;

/**
 * Reads the lines of a log file of a gateway in this process, once all that was logged so far is in it: once a line that was
 * logged after them is, however long that takes on a busy machine.
 */
export function loggedLines({ logger, folder }: LoggedLinesOptions): (file: LogFile) => Promise<Line[]> {
  return async function lines(file) {
    for (let turn = 0; turn < TURNS; turn++) await sleep(TURN_MS);
    const mark = `${MARK}${marks++}`;
    leave(mark, { logger, file });
    const text = await until(`the last line of ${file}.log`, async () => {
      const content = await readFile(join(folder, `${file}.log`), 'utf8');
      return content.includes(`"${mark}"`) && content;
    });
    // What comes after the mark may be half written.
    const whole = text.slice(0, text.lastIndexOf('\n'));
    const found = whole.split('\n').filter((line) => line !== '' && !line.includes(`"${MARK}`));
    return found.map((line) => JSON.parse(line) as Line);
  };
}

function leave(requestId: string, { logger, file }: { logger: Logger; file: LogFile }): void {
  if (file === 'error') return logger.error('mark', { requestId });
  if (file === 'audit') return logger.audit({ requestId });
  logger.access({ time: '', requestId, client: undefined, status: 0, reason: undefined });
}
