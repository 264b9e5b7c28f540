import { bodyOf, payloads } from '../rig/payloads.ts';

/** Something to send requests to. */
export interface Target {
  readonly name: string;
  readonly port: number;
  /** What stands before the upstream's paths. */
  readonly prefix: string;
  /** All processes whose CPU time counts. */
  readonly pids: readonly number[];
  /** Whether it must refuse who has no token. */
  readonly isGuarded: boolean;
}

/**
 * Compares whole bodies, and tries whether the guarded ones refuse.
 * @throws {Error} if an answer is wrong: what is fast because it is wrong must not be measured
 */
export async function checkAnswers(target: Target, headers: Readonly<Record<string, string>>): Promise<void> {
  const { name, port, prefix, isGuarded } = target;
  const ask = (path: string, fields: Readonly<Record<string, string>>) =>
    fetch(`http://127.0.0.1:${port}${prefix}${path}`, { headers: fields });
  for (const { path, bytes } of payloads) {
    const answer = await ask(path, headers);
    const body = await answer.text();
    if (answer.status !== 200 || body !== bodyOf(bytes)) {
      throw new Error(`${name} answers ${path} with ${answer.status} and ${body.length} bytes`);
    }
    if (!isGuarded) continue;
    const { authorization = '' } = headers;
    const forged = `${authorization.slice(0, -4)}AAAA`;
    for (const fields of [{}, { authorization: forged }]) {
      const { status } = await ask(path, fields);
      if (status !== 401) throw new Error(`${name} answers ${status} to a request without a good token`);
    }
  }
}
