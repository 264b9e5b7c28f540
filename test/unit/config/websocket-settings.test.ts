import { describe, expect, it } from '@jest/globals';
import { configOf, findingsOf, minimalFile } from '../../support/configuration.ts';

const withRoute = (...lines: string[]) =>
  `${minimalFile}  - path: /live\n    upstream: crm\n${lines.map((line) => `    ${line}\n`).join('')}`;

describe('the WebSockets of gateway.yaml', () => {
  it('are on no route unless it says so, and have defaults', () => {
    const { routes, websockets } = configOf({ file: withRoute('websocket: {}') }).gateway;
    expect(routes.map(({ websocket }) => websocket)).toEqual([
      undefined,
      { pingIntervalMs: 30_000, idleTimeoutMs: 600_000 },
    ]);
    expect(websockets).toEqual({ maxPerUser: 20, maxPerAddress: 50, maxPerWorker: 5000 });
  });

  it('need a route that takes GET', () => {
    expect(findingsOf({ file: withRoute('websocket: {}', 'methods: [POST]') })).toEqual([
      expect.stringMatching(/routes\[1\]\.websocket: a WebSocket begins with GET/),
    ]);
  });

  it.each(['pingIntervalMs: 0', 'idleTimeoutMs: 1.5', 'pingIntervalMs: 1s', 'maxPerUser: 1'])(
    'refuse %s on a route',
    (line) => {
      expect(findingsOf({ file: withRoute('websocket:', `  ${line}`) })).toHaveLength(1);
    },
  );
});
