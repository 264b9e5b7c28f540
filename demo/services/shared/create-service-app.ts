import express, { type Express, type RequestHandler, Router } from 'express';
import { answerProblem } from './answer-problem.ts';
import type { Operation } from './operation.ts';
import { Problem } from './problem.ts';

/** The stages of a service, in the order in which a request meets them. */
export function createServiceApp(operations: readonly Operation[], first: RequestHandler[] = []): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag'); // So that a repeated GET is answered in full, and a load test measures what it seems to.
  app.set('query parser', 'simple');

  app.use(forbidCaching);
  for (const stage of first) app.use(stage); // Faults and the count of calls: they also see what is refused below.
  app.use(express.json({ limit: '100kb', type: ['json', '+json'] }));
  app.use(routerOf(operations));
  app.use(refusePath(operations));
  app.use(answerProblem);
  return app;
}

/** Tokens and one tenant's data must not stay in a cache. */
const forbidCaching: RequestHandler = (_request, response, next) => {
  response.set('Cache-Control', 'no-store');
  next();
};

function routerOf(operations: readonly Operation[]): Router {
  const router = Router({ caseSensitive: true });
  for (const [path, samePath] of Map.groupBy(operations, ({ path }) => path)) {
    const route = router.route(path.replaceAll(/\{(\w+)\}/g, ':$1'));
    for (const { method, answer } of samePath) route[method](answer);
    route.all(refuseMethod(samePath)); // Last: it takes every method that nobody above took.
  }
  return router;
}

function refuseMethod(operations: readonly Operation[]): RequestHandler {
  const methods = operations.map(({ method }) => method.toUpperCase());
  const allow = methods.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method])).join(', ');
  return function refuseOtherMethods(request) {
    const detail = `${request.method} is not possible on ${request.path}; allowed: ${allow}.`;
    throw new Problem({ status: 405, detail, headers: { Allow: allow } });
  };
}

function refusePath(operations: readonly Operation[]): RequestHandler {
  const known = [...new Set(operations.map(({ path }) => path))].join(', ');
  return function refuseUnknownPath(request) {
    throw new Problem({
      status: 404,
      detail: `There is nothing at ${request.path}; expected one of: ${known}.`,
    });
  };
}
