import type { RequestListener } from 'node:http';
import { Problem, problemAnswer } from '../problem/problem.ts';

interface AnswerMetricsOptions {
  /** The metrics of all workers of the machine, as text. */
  readonly collect: () => Promise<{ readonly contentType: string; readonly text: string }>;
  readonly newRequestId: () => string;
  readonly onError: (error: unknown) => void;
}

/** Answers the admin listener: `GET /metrics`, and a problem for anything else. It is outside the pipeline: nothing there concerns it. */
export function answerMetrics({ collect, newRequestId, onError }: AnswerMetricsOptions): RequestListener {
  return async function answerMetrics(req, res) {
    // One question per connection: a worker that ends has then none to wait for.
    res.shouldKeepAlive = false;
    const path = req.url?.split('?')[0] ?? '';
    try {
      if (path !== '/metrics') throw new Problem('route_not_found', { detail: 'The admin listener serves /metrics.' });
      if (req.method !== 'GET' && req.method !== 'HEAD') {
        throw new Problem('method_not_allowed', { headers: { Allow: 'GET, HEAD' } });
      }
      const { contentType, text } = await collect();
      res.writeHead(200, { 'Content-Type': contentType, 'Cache-Control': 'no-store' }).end(text);
    } catch (error) {
      if (!(error instanceof Problem)) onError(error);
      const problem = error instanceof Problem ? error : new Problem('internal_error', { cause: error });
      const { headers, body } = problemAnswer(problem, { requestId: newRequestId(), instance: path });
      res.writeHead(problem.status, headers).end(body);
    }
  };
}
