import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { gatewayFileSchema } from '../../src/config/schema.ts';
import { catalog } from '../../src/problem/catalog.ts';

const root = resolve(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const upstreamConf = read('nginx/conf.d/psa-gateway.conf');
const limits = read('nginx/snippets/psa-limits.conf');
const proxy = read('nginx/snippets/psa-proxy.conf');

const urls = { AUTH_SERVICE_URL: 'http://a:1', CRM_SERVICE_URL: 'http://a:2', TICKETS_SERVICE_URL: 'http://a:3' };
const yaml = Object.entries(urls).reduce((text, [name, url]) => text.replace(`\${${name}}`, url), read('gateway.yaml'));
const { server, upstreams, routes } = gatewayFileSchema.parse(parse(yaml));

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, k: 1024, m: 1024 * 1024 };

/** The value of a directive, in milliseconds or bytes. */
function sizeOf(text: string, directive: string): number {
  const [, value = '', unit = ''] = new RegExp(`^\\s*${directive} (?:\\d+ )?(\\d+)(ms|s|k|m);`, 'm').exec(text) ?? [];
  const factor = UNITS[unit];
  if (factor === undefined) throw new Error(`no ${directive}`);
  return Number(value) * factor;
}

describe('nginx and gateway.yaml, both as shipped', () => {
  it('nginx gives up an idle connection before the gateway does', () => {
    expect(sizeOf(upstreamConf, 'keepalive_timeout')).toBeLessThan(server.keepAliveTimeoutMs);
  });

  it('nginx takes the body that the most generous route takes', () => {
    const largest = Math.max(...routes.map(({ maxBodyBytes }) => maxBodyBytes));
    expect(sizeOf(limits, 'client_max_body_size')).toBe(largest);
  });

  it('nginx lets the gateway refuse headers, by taking larger ones itself', () => {
    expect(sizeOf(limits, 'large_client_header_buffers')).toBeGreaterThanOrEqual(2 * server.maxHeaderBytes);
  });

  it('a client has as long for its headers at both', () => {
    expect(sizeOf(limits, 'client_header_timeout')).toBe(server.headersTimeoutMs);
  });

  it('nginx waits longer than the gateway waits for any upstream', () => {
    const patience = sizeOf(proxy, 'proxy_read_timeout');
    for (const { connectTimeoutMs, headTimeoutMs, idleTimeoutMs } of Object.values(upstreams)) {
      expect(patience).toBeGreaterThan(2 * (connectTimeoutMs + headTimeoutMs));
      expect(patience).toBeGreaterThan(idleTimeoutMs);
    }
    expect(sizeOf(proxy, 'proxy_send_timeout')).toBeGreaterThan(server.requestTimeoutMs);
  });

  it('nginx waits for longer than a WebSocket stays without a ping', () => {
    const intervals = routes.flatMap(({ websocket }) => (websocket === undefined ? [] : [websocket.pingIntervalMs]));
    // Once more, for the one that is cut off because it does not answer.
    expect(sizeOf(proxy, 'proxy_read_timeout')).toBeGreaterThan(2 * Math.max(...intervals));
    expect(intervals).not.toEqual([]);
  });

  it('nginx repeats a request only before a gateway can have worked on it for long', () => {
    const shortest = Math.min(...Object.values(upstreams).map(({ headTimeoutMs }) => headTimeoutMs));
    expect(sizeOf(proxy, 'proxy_next_upstream_timeout')).toBeLessThan(shortest);
    expect(sizeOf(proxy, 'proxy_connect_timeout')).toBeLessThan(sizeOf(proxy, 'proxy_next_upstream_timeout'));
  });
});

describe('the problems of nginx', () => {
  const text = read('nginx/conf.d/psa-problems.conf');
  const map = (name: string) => new RegExp(`^map \\S+ \\$${name} \\{\n(.*?)^\\}`, 'ms').exec(text)?.[1] ?? '';
  const titles = [...map('psa_title').matchAll(/^ {4}(\w+) +"(.*)";$/gm)].map(([, reason, title]) => [reason, title]);

  it('have the titles of the catalogue', () => {
    const known = titles.filter(([reason]) => reason !== 'default');
    expect(known.length).toBeGreaterThan(8);
    const expected = known.map(([reason]) => [reason, catalog[reason as keyof typeof catalog]?.title]);
    expect(known).toEqual(expected);
    expect(titles).toContainEqual(['default', catalog.internal_error.title]);
  });

  it('say something about every reason that nginx can give', () => {
    const reasons = [...text.matchAll(/^ {4}"?~\S.* (\w+);$/gm)].map(([, reason]) => reason);
    expect(new Set(reasons)).toEqual(
      new Set(titles.map(([reason]) => reason).filter((reason) => reason !== 'default')),
    );
    for (const reason of reasons) expect(map('psa_detail')).toContain(`    ${reason} `);
  });
});
