import type { Socket } from 'node:net';
import type { Request } from 'express';
import ipaddr from 'ipaddr.js';
import { type Client, validHost } from '../context.ts';

/** Whether an address belongs to a proxy in front of us. Express compiles it from TRUST_PROXY. */
export type IsTrustedProxy = (address: string, hop: number) => boolean;

interface Peer {
  readonly address: string;
  readonly isTrusted: boolean;
}

/** A kept-alive connection has one peer, so it is parsed once and not per request. */
const peers = new WeakMap<Socket, Peer>();

/**
 * Where a request came from. `X-Forwarded-*` count only when our peer is a trusted proxy; then the chain is read from the
 * right up to the first address that is not trusted, so that what a client writes to its left never counts.
 */
export function clientOf(req: Request, isTrustedProxy: IsTrustedProxy): Client {
  const peer = peerOf(req.socket, isTrustedProxy);
  const host = req.headers.host ?? '';
  if (!peer.isTrusted) {
    const { address } = peer;
    return {
      address,
      forwardedFor: address,
      proto: 'http',
      host,
      port: portOf(host, 'http'),
      isBehindProxy: false,
    };
  }
  const forwarded = (name: string) => lastOf(req.headers[name]);
  const proto = forwarded('x-forwarded-proto') === 'https' ? 'https' : 'http';
  const originalHost = validHost(forwarded('x-forwarded-host')) ?? host;
  const port = validPort(forwarded('x-forwarded-port')) ?? portOf(originalHost, proto);
  // Express reads the header however it is; most often, within a machine, there is none.
  const isForwarded = req.headers['x-forwarded-for'] !== undefined;
  const chain = isForwarded ? req.ips.map(normaliseAddress).filter((address) => address !== undefined) : [];
  return {
    address: chain[0] ?? peer.address,
    forwardedFor: [...chain, peer.address].join(', '),
    proto,
    host: originalHost,
    port,
    isBehindProxy: true,
  };
}

function peerOf(socket: Socket, isTrustedProxy: IsTrustedProxy): Peer {
  const known = peers.get(socket);
  if (known !== undefined) return known;
  // A socket that is already gone has no address; nobody will read the answer.
  const address = normaliseAddress(socket.remoteAddress ?? '') ?? 'unknown';
  const peer = { address, isTrusted: isTrustedProxy(address, 0) };
  peers.set(socket, peer);
  return peer;
}

/** One notation for each address, or a client could count as several. Undefined for what is no address. */
function normaliseAddress(text: string): string | undefined {
  return ipaddr.isValid(text) ? ipaddr.process(text).toString() : undefined;
}

/** Our nearest proxy appends, so the last value is the one that it vouches for. */
function lastOf(header: string | string[] | undefined): string | undefined {
  const text = Array.isArray(header) ? header.join(',') : header;
  return text?.slice(text.lastIndexOf(',') + 1).trim();
}

function validPort(text: string | undefined): string | undefined {
  return text !== undefined && /^\d{1,5}$/.test(text) && Number(text) <= 65_535 ? text : undefined;
}

function portOf(host: string, proto: 'http' | 'https'): string {
  return /:(\d{1,5})$/.exec(host)?.[1] ?? (proto === 'https' ? '443' : '80');
}
