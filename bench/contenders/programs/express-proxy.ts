// Express and http-proxy-middleware as they come, with a keep-alive agent. No policy at all.
import { Agent } from 'node:http';
import express from 'express';
import { createProxyMiddleware } from 'http-proxy-middleware';
import { inWorkers } from './in-workers.ts';

const { PORT, PREFIX = '', UPSTREAM_URL = '' } = process.env;

inWorkers((onListening) => {
  const agent = new Agent({ keepAlive: true, maxSockets: 256 });
  const app = express();
  app.use(PREFIX, createProxyMiddleware({ target: UPSTREAM_URL, agent }));
  app.listen(Number(PORT), '127.0.0.1', onListening);
});
