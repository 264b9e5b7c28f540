import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '../../test/support/free-port.ts';
import { nginxConfiguration } from '../rig/nginx-configuration.ts';
import { startProgram } from '../rig/program.ts';
import { PREFIX, type RunningContender, type Start } from './contender.ts';

/** nginx of Debian that only forwards. */
export async function startNginx({ workers, upstreamPort, folder }: Start): Promise<RunningContender> {
  const port = await freePort();
  const home = join(folder, `nginx-${port}`);
  await mkdir(home);
  const config = join(home, 'nginx.conf');
  await writeFile(config, nginxConfiguration({ home, workers, http: proxy({ port, upstreamPort }) }));
  return startProgram({ command: 'nginx', args: ['-e', 'stderr', '-c', config], port });
}

function proxy({ port, upstreamPort }: { port: number; upstreamPort: number }): string {
  return `
  # What a client has not taken yet stays in memory: a file on the way would be the disk's figure.
  proxy_max_temp_file_size 0;
  upstream service {
    server 127.0.0.1:${upstreamPort};
    keepalive 64;
    keepalive_requests 1000000000;
    keepalive_timeout 1h;
  }
  server {
    # Else the kernel may give nearly all of a few connections to one of two workers.
    listen 127.0.0.1:${port} reuseport;
    location ${PREFIX}/ {
      proxy_pass http://service/;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme;
    }
  }`;
}
