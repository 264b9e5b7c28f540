// What a good tutorial builds of the usual parts: Express, a token that is verified for each request, a limit per address
// and one per user in Redis, a breaker round the proxy.
import { Agent } from 'node:http';
import express, { type NextFunction, type Request, type Response } from 'express';
import { ipKeyGenerator, rateLimit } from 'express-rate-limit';
import { createProxyMiddleware } from 'http-proxy-middleware';
import { Redis } from 'ioredis';
import jwt from 'jsonwebtoken';
import CircuitBreaker from 'opossum';
import { type RedisReply, RedisStore } from 'rate-limit-redis';
import { inWorkers } from './in-workers.ts';

const { PORT, PREFIX = '', UPSTREAM_URL = '', REDIS_PORT, JWT_SECRET = '', JWT_ISSUER, JWT_AUDIENCE } = process.env;
const WINDOW_MS = 15 * 60_000;
const NO_LIMIT = 10_000_000;

inWorkers((onListening) => {
  const redis = new Redis({ host: '127.0.0.1', port: Number(REDIS_PORT) });
  const app = express();
  app.disable('x-powered-by');
  app.use(limiter({ redis, prefix: 'obvious:ip:', keyOf: (req) => ipKeyGenerator(req.ip ?? '') }));
  app.use(requireToken);
  app.use(limiter({ redis, prefix: 'obvious:user:', keyOf: (_req, res) => String(res.locals.userId) }));
  app.use(PREFIX, proxyBehindBreaker());
  app.listen(Number(PORT), '127.0.0.1', onListening);
});

interface LimiterOptions {
  readonly redis: Redis;
  readonly prefix: string;
  readonly keyOf: (req: Request, res: Response) => string;
}

function limiter({ redis, prefix, keyOf }: LimiterOptions) {
  const sendCommand = (command: string, ...args: string[]) => redis.call(command, ...args) as Promise<RedisReply>;
  return rateLimit({
    windowMs: WINDOW_MS,
    limit: NO_LIMIT,
    standardHeaders: 'draft-8',
    legacyHeaders: false,
    keyGenerator: keyOf,
    store: new RedisStore({ prefix, sendCommand }),
  });
}

function requireToken(req: Request, res: Response, next: NextFunction): void {
  const token = req.headers.authorization?.replace(/^Bearer /, '') ?? '';
  try {
    const claims = jwt.verify(token, JWT_SECRET, {
      algorithms: ['HS256'],
      issuer: String(JWT_ISSUER),
      audience: String(JWT_AUDIENCE),
    });
    res.locals.userId = claims.sub;
    req.headers['x-user-id'] = String(claims.sub);
  } catch {
    res.status(401).json({ error: 'unauthorized' });
    return;
  }
  next();
}

function proxyBehindBreaker() {
  const agent = new Agent({ keepAlive: true, maxSockets: 256 });
  const proxy = createProxyMiddleware<Request, Response>({ target: UPSTREAM_URL, agent });
  const breaker = new CircuitBreaker(
    (req: Request, res: Response) =>
      new Promise<void>((resolve, reject) => {
        if (res.destroyed) return resolve();
        // Also when the client has left, or the breaker would take its absence for a slow service.
        res.once('close', () => (res.statusCode < 500 ? resolve() : reject(new Error(`status ${res.statusCode}`))));
        proxy(req, res, reject).catch(reject);
      }),
    { timeout: 10_000, errorThresholdPercentage: 50, resetTimeout: 30_000, volumeThreshold: 10 },
  );
  return (req: Request, res: Response, next: NextFunction) => {
    breaker.fire(req, res).catch((error: unknown) => {
      if (!res.headersSent) next(error);
    });
  };
}
