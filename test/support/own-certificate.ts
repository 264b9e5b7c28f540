import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** A certificate of 127.0.0.1 that is its own authority, in files. */
export interface OwnCertificate {
  readonly cert: string;
  readonly key: string;
  remove(): Promise<void>;
}

/** Makes one with openssl. */
export async function ownCertificate(): Promise<OwnCertificate> {
  const folder = await mkdtemp(join(tmpdir(), 'psa-certificate-'));
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1'];
  const files = ['-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', cert];
  await promisify(execFile)('openssl', ['req', '-x509', '-days', '2', ...files, ...names]);
  return { cert, key, remove: () => rm(folder, { recursive: true, force: true }) };
}

/** The options with which a Redis or a Sentinel also speaks TLS. */
export function tlsOptions({ cert, key }: OwnCertificate, port: number): string[] {
  const files = ['--tls-cert-file', cert, '--tls-key-file', key, '--tls-ca-cert-file', cert];
  return ['--tls-port', String(port), ...files, '--tls-auth-clients', 'no'];
}
