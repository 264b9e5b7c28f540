// Express and http-proxy-middleware as they come, with a keep-alive agent: the yardstick. No policy at all.
import { Agent } from 'node:http';
import express from 'express';
import { createProxyMiddleware } from 'http-proxy-middleware';

const agent = new Agent({ keepAlive: true, maxSockets: 256 });
const app = express();
app.use('/api/v1/crm', createProxyMiddleware({ target: process.env.CRM_SERVICE_URL ?? '', agent }));
app.listen(Number(process.env.PORT), '127.0.0.1');
