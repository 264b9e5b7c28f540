import { once } from 'node:events';
import { WebSocket } from 'ws';
import { field, tokenOf } from './main-job.ts';
import { insist, type Scene, showAccessLine } from './scene.ts';
import type { Answer } from './send.ts';

const PATH = '/api/v1/tickets/live';

/** Step. */
export async function watchTickets(scene: Scene): Promise<void> {
  const token = tokenOf(scene, 'ada');
  scene.print.request({ path: PATH }, "as a page does: new WebSocket(url, ['bearer', Ada's token])");
  const { socket, answer } = await connect(scene, token);
  scene.print.answer(answer, `Sec-WebSocket-Protocol: ${answer.headers['sec-websocket-protocol']}`);
  const message = once(socket, 'message', { signal: scene.signal });
  const created = await scene.ask({
    method: 'POST',
    path: '/api/v1/tickets',
    token,
    json: { subject: 'The gate at dock 4 stays open', priority: 'urgent', companyId: 'acme' },
    expect: 201,
    show: (shown) => [`id: ${field(shown, 'id')}`],
  });
  const [data] = await message;
  const { ticket } = JSON.parse(String(data)) as { ticket: { id: string; subject: string } };
  scene.print.notice(`What came over the WebSocket: ticket ${ticket.id}, “${ticket.subject}”.`);
  insist(ticket.id === field(created, 'id'), `ticket ${field(created, 'id')} over the WebSocket`, ticket);
  socket.close();
  await once(socket, 'close', { signal: scene.signal });
  await showAccessLine(scene, answer);
}

/** Opens it, and returns what answered the handshake. */
async function connect({ stage, signal }: Scene, token: string): Promise<{ socket: WebSocket; answer: Answer }> {
  const startedAt = performance.now();
  const socket = new WebSocket(`${stage.url.replace(/^http/, 'ws')}${PATH}`, ['bearer', token]);
  const [[{ headers }]] = await Promise.all([once(socket, 'upgrade', { signal }), once(socket, 'open', { signal })]);
  return { socket, answer: { status: 101, headers, body: '', ms: performance.now() - startedAt } };
}
