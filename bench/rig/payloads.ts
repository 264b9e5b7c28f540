/** A body that the upstream has, by its size. */
export interface Payload {
  readonly name: string;
  readonly bytes: number;
  /** At the upstream. */
  readonly path: string;
}

/** The bodies of the comparison. */
export const payloads: readonly Payload[] = [
  { name: '200 B', bytes: 200, path: '/200-b.json' },
  { name: '10 KiB', bytes: 10 * 1024, path: '/10-kib.json' },
  { name: '1 MiB', bytes: 1024 * 1024, path: '/1-mib.json' },
];

/** JSON of exactly so many bytes. */
export function bodyOf(bytes: number): string {
  const frame = JSON.stringify({ id: 'acme', name: 'Acme', note: '' });
  return JSON.stringify({ id: 'acme', name: 'Acme', note: 'x'.repeat(bytes - frame.length) });
}
