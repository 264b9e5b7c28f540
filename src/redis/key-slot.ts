const SLOTS = 16_384;

/** CRC-16/XMODEM of each byte. */
const TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021;
  return crc;
});

/**
 * The slot of a key in a cluster: that of what stands between its first `{` and the next `}`, if there is anything.
 * @see https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/
 */
export function keySlot(key: string): number {
  const open = key.indexOf('{');
  const close = open === -1 ? -1 : key.indexOf('}', open + 1);
  const hashed = close > open + 1 ? key.slice(open + 1, close) : key;
  let crc = 0;
  for (const byte of Buffer.from(hashed)) crc = ((crc << 8) & 0xffff) ^ (TABLE[(crc >> 8) ^ byte] ?? 0);
  return crc % SLOTS;
}

/** So many keys, spread evenly over all slots: each node that holds more than one in so many slots has one of them. */
const SPREAD = 64;

/** Keys with one beginning, of which every node of a cluster has at least one. */
export function spreadKeys(beginning: string): string[] {
  const keys = new Map<number, string>();
  for (let index = 0; keys.size < SPREAD; index++) {
    const key = `${beginning}:${index}`;
    const part = Math.floor((keySlot(key) * SPREAD) / SLOTS);
    if (!keys.has(part)) keys.set(part, key);
  }
  return [...keys.values()];
}
