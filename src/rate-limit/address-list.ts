import { BlockList, isIPv6 } from 'node:net';
import ipaddr from 'ipaddr.js';

/** Bits of an IPv6 address in front of a mapped IPv4 address. */
const MAPPED_PREFIX = 96;

/** Whether an address is in a list of addresses and CIDRs. An empty list costs nothing. */
export function addressList(ranges: readonly string[]): (address: string) => boolean {
  if (ranges.length === 0) return () => false;
  // One for each family: BlockList takes IPv4 for a part of IPv6, so ::/0 would shut out everybody.
  const lists = { ipv4: new BlockList(), ipv6: new BlockList() };
  for (const range of ranges) {
    const { network, prefix } = networkOf(range);
    const family = familyOf(network);
    lists[family].addSubnet(network, prefix, family);
  }
  return (address) => lists[familyOf(address)].check(address, familyOf(address));
}

/** A range as clients are known: those of IPv4 are, also when it was written as mapped into IPv6. */
function networkOf(range: string): { readonly network: string; readonly prefix: number } {
  const [network = '', bits] = range.split('/');
  const address = ipaddr.parse(network);
  const prefix = Number(bits ?? (address.kind() === 'ipv4' ? 32 : 128));
  if (!(address instanceof ipaddr.IPv6 && address.isIPv4MappedAddress()) || prefix < MAPPED_PREFIX) {
    return { network, prefix };
  }
  return { network: address.toIPv4Address().toString(), prefix: prefix - MAPPED_PREFIX };
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIPv6(address) ? 'ipv6' : 'ipv4';
}
