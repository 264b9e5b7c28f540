import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { expectProblem } from '../support/expect-problem.ts';
import { bearer, startGateway, type TestGateway, tokenFor } from '../support/gateway.ts';
import { metricsOf } from '../support/metrics-of.ts';
import type { RawAnswer } from '../support/raw-client.ts';
import { until } from '../support/until.ts';
import { openSocket, tryToOpen } from '../support/websocket-client.ts';
import { startWebSocketService, type WebSocketService } from '../support/websocket-service.ts';

let service: WebSocketService;
let gateway: TestGateway;
/** What the service picks of the subprotocols that it is offered. */
let chosen: string | false;

beforeEach(async () => {
  chosen = false;
  service = await startWebSocketService({ choose: () => chosen });
  gateway = await startGateway({
    upstreams: { live: service.port },
    routes: [{ path: '/api/live/*', upstream: 'live', stripPrefix: '/api/live', websocket: {} }],
  });
});
afterEach(async () => {
  await gateway.stop();
  await service.stop();
});

const url = () => `${gateway.url}/api/live/x`;
const offered = () => service.handshakes[0]?.headers['sec-websocket-protocol'];

describe('a token among the subprotocols', () => {
  it('is taken for the token of the handshake, and the answer names the marker before it', async () => {
    const socket = await openSocket(url(), { protocols: ['bearer', tokenFor({ sub: 'user-7' })] });
    expect(socket.ws.protocol).toBe('bearer');
    expect(service.handshakes[0]?.headers['x-user-id']).toBe('user-7');
    expect(offered()).toBeUndefined();
  });

  it.each([
    ['behind', (token: string) => ['chat.v2', 'chat.v1', 'bearer', token]],
    ['before', (token: string) => ['bearer', token, 'chat.v2', 'chat.v1']],
    ['between', (token: string) => ['chat.v2', 'bearer', token, 'chat.v1']],
  ])('stands %s others, of which the service picks', async (_where, protocols) => {
    chosen = 'chat.v1';
    const socket = await openSocket(url(), { protocols: protocols(tokenFor()) });
    expect(socket.ws.protocol).toBe('chat.v1');
    expect(offered()).toBe('chat.v2, chat.v1');
  });

  it('leaves it to the client what to make of a service that picks none of the others', async () => {
    const refused = tryToOpen(url(), { protocols: ['bearer', tokenFor(), 'chat.v1'] });
    await expect(refused).rejects.toThrow('Server sent no subprotocol');
  });

  it('is in no log, no metric and no header but the one for tokens', async () => {
    const token = tokenFor();
    const socket = await openSocket(url(), { protocols: ['bearer', token] });
    socket.ws.close();
    await socket.closed;
    const { rawHeaders } = service.handshakes[0] ?? { rawHeaders: [] };
    expect(rawHeaders.filter((text) => text.includes(token))).toEqual([`Bearer ${token}`]);
    const logged = await until('its line', async () => {
      const text = JSON.stringify(await gateway.lines('combined'));
      return text.includes('webSocketEnd') && text;
    });
    expect(logged + [...(await metricsOf(gateway.adminUrl)).keys()].join('\n')).not.toContain(token.split('.')[1]);
  });

  it.each([
    ['a wrong one', ['bearer', 'a.b.c'], {}, /auth_malformed|token_/],
    ['an expired one', ['bearer', tokenFor({ exp: 1_700_000_000 })], {}, 'token_expired'],
    ['none behind the marker', ['bearer'], {}, 'auth_missing'],
    ['one without its marker', [tokenFor()], {}, 'auth_missing'],
    ['the marker in another case', ['Bearer', tokenFor()], {}, 'auth_missing'],
    ['one here and one in the header', ['bearer', tokenFor()], bearer(), 'auth_malformed'],
  ])('is refused: %s', async (_what, protocols, headers, reason) => {
    const refusal = (await tryToOpen(url(), { protocols, headers })) as RawAnswer;
    expect(refusal.headers['x-gateway-reason']).toMatch(reason);
    expectProblem(refusal, { status: 401, reason: String(refusal.headers['x-gateway-reason']) });
    expect(service.handshakes).toEqual([]);
  });

  it('is no token in the query', async () => {
    const refusal = (await tryToOpen(`${url()}?access_token=${tokenFor()}&token=${tokenFor()}`)) as RawAnswer;
    expectProblem(refusal, { status: 401, reason: 'auth_missing' });
  });
});

describe('subprotocols without a token', () => {
  it('pass as they are, and so does the choice', async () => {
    chosen = 'Chat.V1';
    const socket = await openSocket(url(), { protocols: ['chat.v2', 'Chat.V1'], headers: bearer() });
    expect([offered(), socket.ws.protocol]).toEqual(['chat.v2,Chat.V1', 'Chat.V1']);
  });
});
