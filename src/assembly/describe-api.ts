import { apiDescription } from '../docs/api-description.ts';
import { routeFinder } from '../route/match-route.ts';
import type { AppOptions } from './app-options.ts';

/** The services' descriptions, which become one by the rules of the routes. */
export function describeApi({ config, worker, logger, time }: AppOptions) {
  const { upstreams, routes } = config.gateway;
  const find = routeFinder(routes);
  return apiDescription({
    title: config.settings.SERVICE_NAME,
    version: worker.version,
    upstreams,
    routes,
    routeOf: (path, method) =>
      find(path)?.entries.find(({ methods }) => (methods as readonly string[]).includes(method)),
    time,
    logger,
  });
}
