import type { Request, RequestHandler, Response } from 'express';
import { contextOf } from '../context.ts';
import { type HealthSources, healthReport } from './health-report.ts';
import type { WorkerDetails } from './worker-details.ts';

interface AnswerHealthOptions {
  readonly sources: HealthSources;
  /** Details of this worker. */
  readonly details: () => WorkerDetails;
  /** Details of every worker of this machine. */
  readonly allWorkers: () => Promise<readonly WorkerDetails[]>;
  /** Whether the request carries an administrator's token. */
  readonly isAdmin: (req: Request) => Promise<boolean>;
}

/** Stage: answers `/health`, `/health/live`, `/health/ready` and `/health/detailed`. Never limited, never forwarded. */
export function answerHealth({ sources, details, allWorkers, isAdmin }: AnswerHealthOptions) {
  const answerDetailed = async (res: Response) => {
    const own = details();
    const report = healthReport(sources);
    // A second look at this worker would find nothing: the delay of its event loop is told since the last one.
    const workers = (await allWorkers()).map((worker) => (worker.pid === own.pid ? own : worker));
    answer(res, codeOf(report.status), { ...report, ...own, workers });
  };
  const mayLookInside = async (req: Request) => isOnThisMachine(req) || (await isAdmin(req));
  return function answerHealth(req, res, next) {
    const { path } = contextOf(req);
    if (!path.startsWith('/health') || (req.method !== 'GET' && req.method !== 'HEAD')) return next();
    if (path === '/health') {
      const report = healthReport(sources);
      return answer(res, codeOf(report.status), report);
    }
    // No dependency decides about liveness: a restart would not bring Redis back.
    if (path === '/health/live') return answer(res, 200, { status: 'alive' });
    if (path === '/health/ready') {
      return sources.isReady() ? answer(res, 200, { status: 'ready' }) : answer(res, 503, { status: 'not ready' });
    }
    if (path !== '/health/detailed') return next();
    // To everybody else it does not exist.
    return mayLookInside(req).then((may) => (may ? answerDetailed(res) : next()));
  } satisfies RequestHandler;
}

function codeOf(status: string): number {
  return status === 'unhealthy' ? 503 : 200;
}

function isOnThisMachine(req: Request): boolean {
  const { address, isBehindProxy } = contextOf(req).client;
  // A proxy on this machine that TRUST_PROXY does not name passes on strangers, and only its header tells.
  if (!isBehindProxy && req.headers['x-forwarded-for'] !== undefined) return false;
  return address === '::1' || address.startsWith('127.');
}

function answer(res: Response, status: number, body: object): void {
  res.setHeader('Cache-Control', 'no-store');
  res.status(status).json(body);
}
