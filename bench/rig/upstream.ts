import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '../../test/support/free-port.ts';
import { nginxConfiguration } from './nginx-configuration.ts';
import { bodyOf, payloads } from './payloads.ts';
import { type Program, startProgram } from './program.ts';

/** Starts the service behind every contender: nginx with files, so that it costs less than any of them. */
export async function startUpstream(folder: string): Promise<Program> {
  const port = await freePort();
  const home = join(folder, 'upstream');
  await mkdir(join(home, 'bodies'), { recursive: true });
  for (const { bytes, path } of payloads) await writeFile(join(home, 'bodies', path), bodyOf(bytes));
  const config = join(home, 'nginx.conf');
  const http = `
  default_type application/json;
  etag off;
  sendfile on;
  open_file_cache max=100 inactive=1h;
  open_file_cache_valid 1h;
  server {
    listen 127.0.0.1:${port} backlog=10000;
    root ${home}/bodies;
  }`;
  await writeFile(config, nginxConfiguration({ home, workers: 1, http }));
  return startProgram({ command: 'nginx', args: ['-e', 'stderr', '-c', config], port });
}
