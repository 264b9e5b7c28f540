import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '../../test/support/free-port.ts';
import { audience, issuer, secret } from '../../test/support/gateway.ts';
import { startProgram } from '../rig/program.ts';
import { PREFIX, type RunningContender, type Start } from './contender.ts';

/** HAProxy of Debian with our policy as far as it can: the token in full, and a counter per address and per user. */
export async function startHaproxy({ workers, upstreamPort, folder }: Start): Promise<RunningContender> {
  const port = await freePort();
  const config = join(folder, `haproxy-${port}.cfg`);
  await writeFile(config, configuration({ port, workers, upstreamPort }));
  return startProgram({ command: 'haproxy', args: ['-q', '-db', '-f', config], port });
}

function configuration({ port, workers, upstreamPort }: Pick<Start, 'workers' | 'upstreamPort'> & { port: number }) {
  return `
global
    maxconn 1000
    nbthread ${workers}
defaults
    mode http
    timeout connect 5s
    timeout client 1h
    timeout server 1h
    timeout http-keep-alive 1h
backend addresses
    stick-table type ip size 100k expire 15m store http_req_rate(15m)
backend users
    stick-table type string len 64 size 100k expire 15m store http_req_rate(15m)
frontend public
    bind 127.0.0.1:${port}
    option forwardfor
    http-request track-sc0 src table addresses
    http-request set-var(txn.token) http_auth_bearer
    http-request set-var(txn.alg) var(txn.token),jwt_header_query('$.alg')
    http-request deny deny_status 401 unless { var(txn.alg) -m str HS256 }
    http-request deny deny_status 401 unless { var(txn.token),jwt_verify(txn.alg,"${secret}") -m int 1 }
    http-request set-var(txn.iss) var(txn.token),jwt_payload_query('$.iss')
    http-request set-var(txn.aud) var(txn.token),jwt_payload_query('$.aud')
    http-request set-var(txn.sub) var(txn.token),jwt_payload_query('$.sub')
    http-request set-var(txn.exp) var(txn.token),jwt_payload_query('$.exp','int')
    http-request set-var(txn.now) date()
    http-request deny deny_status 401 unless { var(txn.iss) -m str ${issuer} }
    http-request deny deny_status 401 unless { var(txn.aud) -m str ${audience} }
    http-request deny deny_status 401 unless { var(txn.exp),sub(txn.now) -m int gt 0 }
    http-request track-sc1 var(txn.sub) table users
    http-request deny deny_status 429 if { sc_http_req_rate(0) gt 1000000000 }
    http-request deny deny_status 429 if { sc_http_req_rate(1) gt 1000000000 }
    http-request set-header X-User-Id %[var(txn.sub)]
    http-request replace-path ${PREFIX}(/.*) \\1
    default_backend service
backend service
    http-reuse always
    server service 127.0.0.1:${upstreamPort}
`;
}
