import type { Door } from '../overload/shed-load.ts';
import { connectUpstream } from '../upstream/connect-upstream.ts';
import { outgoingHeaders } from '../upstream/outgoing-headers.ts';
import { faultOfAnswer } from '../websocket/handshake.ts';
import type { WebSockets } from '../websocket/websockets.ts';
import type { AppOptions } from './app-options.ts';
import type { tokenIdentity } from './token-identity.ts';

/** The ways to all upstreams of the configuration, and what they tell of themselves, by name. */
export function connectUpstreams(
  { config, logger, time, resolve }: AppOptions,
  {
    open,
    isLate,
    assertion,
  }: Pick<WebSockets, 'open'> & Pick<Door, 'isLate'> & Pick<ReturnType<typeof tokenIdentity>, 'assertion'>,
) {
  const { upstreams, identity, routes, server } = config.gateway;
  const headers = outgoingHeaders(Object.keys(identity.headers), assertion);
  const connected = Object.entries(upstreams).map(([name, settings]) => {
    const own = routes.filter(({ upstream }) => upstream === name);
    return connectUpstream({
      name,
      settings,
      connectTimeoutMs: Math.max(...own.map((route) => route.connectTimeoutMs ?? 0), settings.connectTimeoutMs),
      sendTimeoutMs: server.sendTimeoutMs,
      outgoingHeaders: headers,
      webSockets: { faultOfAnswer, open },
      resolve,
      clock: time.clock,
      isLate,
      random: Math.random,
      logger,
    });
  });
  return {
    forwards: new Map(connected.map(({ name, forward }) => [name, forward])),
    breakers: () => Object.fromEntries(connected.map(({ name, breaker }) => [name, breaker.report()])),
    instances: () => Object.fromEntries(connected.map(({ name, instances }) => [name, instances()])),
    concurrency: () => Object.fromEntries(connected.map(({ name, concurrency }) => [name, concurrency()])),
    async close() {
      await Promise.all(connected.map((upstream) => upstream.close()));
    },
  };
}
