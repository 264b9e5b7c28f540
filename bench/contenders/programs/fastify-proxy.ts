// Fastify and its proxy as they come. No policy at all.
import { fastifyHttpProxy } from '@fastify/http-proxy';
import { fastify } from 'fastify';
import { inWorkers } from './in-workers.ts';

const { PORT, PREFIX = '', UPSTREAM_URL = '' } = process.env;

inWorkers((onListening) => {
  const app = fastify();
  app.register(fastifyHttpProxy, { upstream: UPSTREAM_URL, prefix: PREFIX });
  app.listen({ port: Number(PORT), host: '127.0.0.1' }, (error) => {
    if (error) throw error;
    onListening();
  });
});
