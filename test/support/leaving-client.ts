import { connect, type Socket } from 'node:net';
import { until } from './until.ts';

interface LeavingClientOptions {
  readonly port: number;
  /** Everything that is sent before the client leaves: head, and as much of the body as it gets to. */
  readonly bytes: string | Buffer;
  /** What the client waits for before it leaves. */
  readonly waitFor: (received: string) => boolean | Promise<boolean>;
}

/** A client that sends a request and leaves, by a reset, in the middle of it. Resolves when it has left. */
export async function leavingClient({ port, bytes, waitFor }: LeavingClientOptions): Promise<void> {
  const socket: Socket = connect(port, '127.0.0.1');
  let received = '';
  socket.on('error', () => undefined);
  socket.on('data', (chunk) => {
    received += chunk.toString('latin1');
  });
  socket.write(bytes);
  await until('the moment to leave', () => waitFor(received));
  const { promise: left, resolve } = Promise.withResolvers<void>();
  socket.once('close', () => resolve());
  socket.resetAndDestroy();
  await left;
}
