import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { isExpectingContinue } from '../context.ts';
import { endsConnection } from './pending-answers.ts';

/**
 * Serves each request at once, but for what a client sends behind an `Expect: 100-continue` before that is answered: a
 * refusal of it ends the connection, and what had been begun by then would be done without ever being answered.
 */
export function servedInTurn(serve: (res: ServerResponse) => void): (res: ServerResponse) => void {
  /** By connection, what the next request has to wait for. */
  const awaited = new WeakMap<Socket, ServerResponse>();
  return function serveInTurn(res) {
    const { socket } = res.req;
    const earlier = awaited.get(socket);
    const mustWait = earlier !== undefined && !earlier.writableFinished;
    // Each waits for the one before it: a hundred would be a hundred listeners on one response.
    if (mustWait || isExpectingContinue(res.req)) awaited.set(socket, res);
    if (earlier === undefined) return serve(res);
    const serveUnlessOver = () => {
      if (!socket.destroyed && !endsConnection(earlier)) serve(res);
    };
    if (mustWait) earlier.once('close', serveUnlessOver);
    else serveUnlessOver();
  };
}
