import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from './free-port.ts';
import { isListening } from './traces.ts';
import { until } from './until.ts';

const run = promisify(execFile);
const shipped = resolve(import.meta.dirname, '../../nginx');
/** Debian puts nginx where only administrators look. */
const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` };

/** The shipped nginx configuration in front of a gateway, on ports and in a folder of its own. */
export interface TestNginx {
  /** Redirects to HTTPS. */
  readonly httpPort: number;
  readonly httpUrl: string;
  /** Leads to the gateway. */
  readonly httpsPort: number;
  readonly httpsUrl: string;
  /** The certificate to trust, in PEM. It is for `localhost`. */
  readonly ca: string;
  /** The lines of its access log so far. */
  accessLines(): Promise<Record<string, unknown>[]>;
  /** All that it has logged, in both files. */
  logs(): Promise<string>;
  /** Lets it read its configuration again, as `nginx -s reload` does, and waits until new processes serve. */
  reload(): Promise<void>;
  stop(): Promise<void>;
}

/** A text that must stand in the configuration exactly once, and what to put in its place. */
export type Edit = readonly [file: string, from: string, to: string];

interface NginxOptions {
  readonly gatewayPort: number;
  /** What a test changes beyond ports and paths, such as a time that it can't wait for. */
  readonly edits?: readonly Edit[];
}

/** Starts it as shipped, but for ports, paths and the given edits. */
export async function startNginx({ gatewayPort, edits = [] }: NginxOptions): Promise<TestNginx> {
  const folder = await mkdtemp(join(tmpdir(), 'psa-nginx-'));
  const [httpPort, httpsPort] = [await freePort(), await freePort()];
  try {
    // The worker processes run as another user if we are root.
    await chmod(folder, 0o711);
    await cp(shipped, folder, { recursive: true });
    const places = placesOf({ folder, gatewayPort, httpPort, httpsPort });
    for (const edit of [...places, ...edits]) await apply(folder, edit);
    const ca = await makeCertificate(folder);
    await run('nginx', argumentsOf(folder, '-t'), { env });
    const child = await launch(folder, [httpPort, httpsPort]);
    const ended = once(child, 'exit');
    const read = (name: string) => readFile(join(folder, name), 'utf8');
    return {
      httpPort,
      httpUrl: `http://localhost:${httpPort}`,
      httpsPort,
      httpsUrl: `https://localhost:${httpsPort}`,
      ca,
      accessLines: async () => linesOf(await read('access.log')),
      logs: async () => (await read('access.log')) + (await read('error.log')),
      reload: () => reload(child),
      async stop() {
        child.kill('SIGTERM');
        await ended;
        await rm(folder, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

interface Places {
  readonly folder: string;
  readonly gatewayPort: number;
  readonly httpPort: number;
  readonly httpsPort: number;
}

/** What has to be another than on an operator's machine. */
function placesOf({ folder, gatewayPort, httpPort, httpsPort }: Places): Edit[] {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  );
  return [
    ['nginx.conf', '/run/nginx.pid', `${folder}/nginx.pid`],
    ['nginx.conf', '/var/log/nginx/error.log', `${folder}/error.log`],
    ['nginx.conf', 'http {', `http {\n${temporary.join('\n')}`],
    // Some tests read how many processes there are, and two show all that many would.
    ['nginx.conf', 'worker_processes auto;', 'worker_processes 2;'],
    ['snippets/psa-access-log.conf', '/var/log/nginx/access.log', `${folder}/access.log`],
    ['snippets/psa-tls.conf', '/etc/ssl/psa-gateway/fullchain.pem', `${folder}/fullchain.pem`],
    ['snippets/psa-tls.conf', '/etc/ssl/psa-gateway/privkey.pem', `${folder}/privkey.pem`],
    ['conf.d/psa-gateway.conf', 'server 127.0.0.1:3000;', `server 127.0.0.1:${gatewayPort};`],
    ['conf.d/psa-gateway.conf', 'listen 80 default_server;', `listen 127.0.0.1:${httpPort} default_server;`],
    ['conf.d/psa-gateway.conf', 'listen 443 ssl', `listen 127.0.0.1:${httpsPort} ssl`],
    ['conf.d/psa-gateway.conf', 'listen [::]:80 default_server;', ''],
    ['conf.d/psa-gateway.conf', 'listen [::]:443 ssl http2 default_server;', ''],
  ];
}

async function apply(folder: string, [file, from, to]: Edit): Promise<void> {
  const path = join(folder, file);
  const parts = (await readFile(path, 'utf8')).split(from);
  if (parts.length !== 2) throw new Error(`nginx/${file} has "${from}" ${parts.length - 1} times instead of once`);
  await writeFile(path, parts.join(to));
}

/** A certificate for `localhost` and 127.0.0.1 that vouches for itself. */
async function makeCertificate(folder: string): Promise<string> {
  const path = join(folder, 'fullchain.pem');
  const key = [
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    join(folder, 'privkey.pem'),
  ];
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  await run('openssl', ['req', '-x509', ...key, ...names, '-days', '2', '-out', path]);
  return readFile(path, 'utf8');
}

function argumentsOf(folder: string, ...more: string[]): string[] {
  return ['-p', folder, '-e', join(folder, 'error.log'), '-c', join(folder, 'nginx.conf'), ...more];
}

async function launch(folder: string, ports: readonly number[]): Promise<ChildProcess> {
  const child = spawn('nginx', argumentsOf(folder, '-g', 'daemon off;'), { env, stdio: 'ignore' });
  const isUp = async () => {
    if (child.exitCode !== null) throw new Error(await readFile(join(folder, 'error.log'), 'utf8'));
    return (await Promise.all(ports.map(isListening))).every((isOpen) => isOpen);
  };
  try {
    await until('nginx to listen', isUp);
  } catch (error) {
    child.kill();
    throw error;
  }
  return child;
}

async function reload(child: ChildProcess): Promise<void> {
  const before = await processesOf(child);
  child.kill('SIGHUP');
  await until('new nginx processes', async () => {
    const now = await processesOf(child);
    return now.filter((pid) => !before.includes(pid)).length >= 2;
  });
}

/** Its worker processes. Linux only. */
async function processesOf({ pid }: ChildProcess): Promise<string[]> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return children.split(' ').filter((text) => text !== '');
}

function linesOf(text: string): Record<string, unknown>[] {
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}
