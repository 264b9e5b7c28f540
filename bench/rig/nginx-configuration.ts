interface NginxOptions {
  /** A folder for what it writes. */
  readonly home: string;
  readonly workers: number;
  /** What stands in the http block. */
  readonly http: string;
}

const TEMPORARY = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];

/** A whole configuration: in the foreground, silent, without a limit to requests, all that it writes in one folder. */
export function nginxConfiguration({ home, workers, http }: NginxOptions): string {
  return `
daemon off;
# The folder may be one where only who started this can read.
${process.getuid?.() === 0 ? 'user root;' : ''}
worker_processes ${workers};
worker_rlimit_nofile 20000;
pid ${home}/nginx.pid;
error_log stderr crit;
events { worker_connections 10000; }
http {
  access_log off;
  tcp_nodelay on;
  keepalive_timeout 1h;
  keepalive_requests 1000000000;
${TEMPORARY.map((kind) => `  ${kind}_temp_path ${home}/${kind};`).join('\n')}
${http}
}
`;
}
