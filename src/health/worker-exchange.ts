import { mkdir, readdir, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join, relative } from 'node:path';
import { Client } from 'undici';
import type { WorkerDetails } from './worker-details.ts';

/** A worker that does not answer by then is left out. */
const ANSWER_TIMEOUT_MS = 500;

/** How the workers of one machine learn about each other: each answers on a Unix socket in a folder of theirs. */
export interface WorkerExchange {
  collect(): Promise<WorkerDetails[]>;
  close(): Promise<void>;
}

/**
 * Opens this worker's socket.
 * @param folder for the sockets; only this user may enter it
 * @throws {Error} if the folder can't be made or the socket not opened
 */
export async function openWorkerExchange({
  folder,
  details,
}: {
  folder: string;
  details: () => WorkerDetails;
}): Promise<WorkerExchange> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const own = socketPath(folder, `${details().pid}.sock`);
  await rm(own, { force: true });
  const server = createServer((_req, res) => void res.end(JSON.stringify(details())));
  const { promise: opened, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject).listen(own, resolve).unref();
  await opened;
  return {
    async collect() {
      const names = (await readdir(folder)).filter((name) => name.endsWith('.sock'));
      const answers = await Promise.all(names.map((name) => ask(socketPath(folder, name))));
      return answers.filter((answer) => answer !== undefined).toSorted((a, b) => a.pid - b.pid);
    },
    async close() {
      server.close();
      await rm(own, { force: true });
    },
  };
}

/** A Unix socket's path may have 107 bytes; from the working directory it is shorter. @see unix(7) */
function socketPath(folder: string, name: string): string {
  const absolute = join(folder, name);
  const fromHere = relative('', absolute);
  return fromHere.length < absolute.length ? fromHere : absolute;
}

async function ask(path: string): Promise<WorkerDetails | undefined> {
  const client = new Client('http://worker', {
    socketPath: path,
    connect: { timeout: ANSWER_TIMEOUT_MS },
    headersTimeout: ANSWER_TIMEOUT_MS,
  });
  try {
    const { body } = await client.request({ path: '/', method: 'GET' });
    return (await body.json()) as WorkerDetails;
  } catch (error) {
    // A worker that was killed leaves its socket; the next one to look tidies up.
    if ((error as NodeJS.ErrnoException).code === 'ECONNREFUSED') await rm(path, { force: true });
    return undefined;
  } finally {
    await client.destroy();
  }
}
