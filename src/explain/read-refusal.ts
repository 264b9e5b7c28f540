import { type Refusal, refusalKey } from './refusal.ts';

/** What explaining needs of the connection to Redis. */
export interface ExplainLink {
  isAway(): boolean;
  command(...args: [string, ...string[]]): Promise<unknown>;
}

/**
 * What a refused request has left; undefined when nothing is known of it (any more).
 * @throws {Error} if Redis does not answer
 */
export async function readRefusal(link: Pick<ExplainLink, 'command'>, requestId: string): Promise<Refusal | undefined> {
  const text = await link.command('GET', refusalKey(requestId));
  return typeof text === 'string' ? (JSON.parse(text) as Refusal) : undefined;
}
