import { apiDescription } from '../docs/api-description.ts';
import { routeFinder } from '../route/match-route.ts';
import type { AppOptions } from './app-options.ts';

/** The services' descriptions, which become one by the rules of the routes. */
export function describeApi({ config, worker, logger, time }: AppOptions) {
  const { upstreams, routes, identity, plans } = config.gateway;
  const find = routeFinder(routes);
  return apiDescription({
    title: config.settings.SERVICE_NAME,
    version: worker.version,
    upstreams,
    routes,
    features: {
      tokens: {
        own: config.settings.JWT_SECRET !== undefined,
        issuers: identity.issuers.length > 0,
        opaque: identity.introspection !== undefined,
      },
      publishesKeys: identity.assertion !== undefined,
      hasQuotas: Object.values(plans).some(({ monthlyQuota }) => monthlyQuota !== undefined),
    },
    routeOf: (path, method) =>
      find(path)?.entries.find(({ methods }) => (methods as readonly string[]).includes(method)),
    time,
    logger,
  });
}
