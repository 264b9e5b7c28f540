import { type Expected, type Lane, openLane } from './lane.ts';

interface ClosedLoopOptions {
  readonly port: number;
  /** The bytes of the next request. */
  readonly nextRequest: () => string;
  readonly expected: Expected;
  readonly connections: number;
  readonly requests: number;
}

/**
 * Sends so many requests that are all different, each as soon as its connection is free. For what wrk can't make up.
 * @throws {Error} at the first wrong answer
 */
export async function closedLoop(options: ClosedLoopOptions): Promise<void> {
  const { port, nextRequest, expected, connections, requests } = options;
  const lanes = await Promise.all(Array.from({ length: connections }, () => openLane(port, expected)));
  let left = requests;
  const work = (lane: Lane) =>
    new Promise<void>((resolve, reject) => {
      const next = () => {
        if (left-- <= 0) return resolve();
        lane.send(nextRequest(), ({ failure }) => {
          if (failure === undefined) next();
          else reject(new Error(failure));
        });
      };
      next();
    });
  try {
    await Promise.all(lanes.map(work));
  } finally {
    for (const lane of lanes) lane.close();
  }
}
