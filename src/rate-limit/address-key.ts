import { ipKeyGenerator } from 'express-rate-limit';

/** A customer of an IPv6 provider holds a whole /56 and may use any address of it, so the network is what is counted. */
const IPV6_PREFIX_LENGTH = 56;

/** The key under which a client address is counted: the address itself for IPv4, its /56 network for IPv6. */
export function addressKey(address: string): string {
  return ipKeyGenerator(address, IPV6_PREFIX_LENGTH);
}
