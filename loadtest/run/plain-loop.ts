import { load, type Sample } from '../../bench/load.ts';
import type { Cast } from '../generator/play-users.mts';

const CONNECTIONS = 4;
/** A user may send a thousand in 15 minutes. */
const REQUESTS = 1000;

/**
 * The quick load once more, by a loop that does nothing else: what Artillery adds is the difference. One path, since the
 * loop knows no more; as the last users of the cast, whose limits have room for it.
 */
export async function plainLoop({ url, cast }: { url: string; cast: Cast }): Promise<Sample> {
  const { port } = new URL(url);
  const options = { port: Number(port), path: `/api/v1/crm/companies/${cast.company}`, connections: CONNECTIONS };
  const as = (index: number) => ({ authorization: `Bearer ${cast.users.at(index)?.token}` });
  await load({ ...options, headers: as(-1), requests: REQUESTS / 2 });
  return load({ ...options, headers: as(-2), requests: REQUESTS - 100 });
}
