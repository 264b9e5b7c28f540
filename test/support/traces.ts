import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createConnection } from 'node:net';

/** What there is of programs that were given a folder: processes that know of it, and what is in it. Linux only. */
export function tracesOf(folder: string): string[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  const processes = pids.filter((pid) => knows(pid, folder)).map((pid) => `${pid} ${textOf(pid, 'cmdline')}`);
  return [...processes, ...readdirSync(folder)];
}

/** By its environment, its command line or its working directory; some programs write over the first two. */
function knows(pid: string, folder: string): boolean {
  return ['environ', 'cmdline', 'cwd'].some((file) => textOf(pid, file).includes(folder));
}

function textOf(pid: string, file: string): string {
  try {
    const path = `/proc/${pid}/${file}`;
    return file === 'cwd' ? readlinkSync(path) : readFileSync(path, 'utf8').replaceAll('\0', ' ');
  } catch {
    // It has ended meanwhile, or is another user's.
    return '';
  }
}

/** Whether anybody accepts connections on a port of loopback. */
export function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ port, host: '127.0.0.1' });
    const answer = (isOpen: boolean) => {
      socket.destroy();
      resolve(isOpen);
    };
    socket.once('connect', () => answer(true)).once('error', () => answer(false));
  });
}
