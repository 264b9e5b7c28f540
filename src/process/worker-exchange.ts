import { mkdir, readdir, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join, relative } from 'node:path';
import { Client } from 'undici';

/** A worker that has not answered by then is left out. */
const ANSWER_TIMEOUT_MS = 500;

const ENDING = '.sock';

/** What one worker of the machine said. */
export interface Answered<T> {
  readonly id: string;
  readonly answer: T;
}

/** How the workers of one machine learn about each other: each answers on a Unix socket in a folder of theirs. */
export interface WorkerExchange {
  /**
   * Asks all of them, this one included. Left out is who does not answer in time or, being of another release, does not
   * know what is asked.
   */
  ask<T>(question: string): Promise<Answered<T>[]>;
  /** The ids of those that live, or have been killed so recently that nobody has noticed. */
  ids(): Promise<string[]>;
  close(): Promise<void>;
}

interface WorkerExchangeOptions {
  /** For the sockets; only this user may enter it. */
  readonly folder: string;
  /** Of this worker; never used again. */
  readonly id: string;
  /** By question. */
  readonly answers: Readonly<Record<string, () => unknown>>;
  /** An answer that could not be given; whoever asked does without it. */
  readonly onError: (error: unknown) => void;
}

/**
 * Opens this worker's socket.
 * @throws {Error} if the folder can't be made or the socket not opened
 */
export async function openWorkerExchange(options: WorkerExchangeOptions): Promise<WorkerExchange> {
  const { folder, id, answers, onError } = options;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const own = socketPath(folder, id);
  await rm(own, { force: true });
  const server = createServer(async (req, res) => {
    let answer: unknown = null;
    try {
      answer = (await answers[req.url?.slice(1) ?? '']?.()) ?? null;
    } catch (error) {
      onError(error);
    }
    res.end(JSON.stringify(answer));
  });
  const { promise: opened, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject).listen(own, resolve).unref();
  await opened;
  const ids = async () => {
    const names = await readdir(folder);
    return names.filter((name) => name.endsWith(ENDING)).map((name) => name.slice(0, -ENDING.length));
  };
  return {
    ids,
    async ask<T>(question: string) {
      const asked = (await ids()).map(async (sibling) => {
        const answer = await ask<T>(socketPath(folder, sibling), question);
        return answer === undefined || answer === null ? [] : [{ id: sibling, answer }];
      });
      return (await Promise.all(asked)).flat();
    },
    async close() {
      server.close();
      await rm(own, { force: true });
    },
  };
}

/** A Unix socket's path may have 107 bytes; from the working directory it is shorter. @see unix(7) */
function socketPath(folder: string, id: string): string {
  const absolute = join(folder, `${id}${ENDING}`);
  const fromHere = relative('', absolute);
  return fromHere.length < absolute.length ? fromHere : absolute;
}

async function ask<T>(path: string, question: string): Promise<T | undefined> {
  const client = new Client('http://worker', { socketPath: path });
  try {
    const { body } = await client.request({
      path: `/${question}`,
      method: 'GET',
      signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
    });
    return (await body.json()) as T;
  } catch (error) {
    // A worker that was killed leaves its socket; the next one to look tidies up.
    if ((error as NodeJS.ErrnoException).code === 'ECONNREFUSED') await rm(path, { force: true });
    return undefined;
  } finally {
    await client.destroy();
  }
}
