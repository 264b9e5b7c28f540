import type { Contender } from './contender.ts';
import { startGateway } from './gateway.ts';
import { startHaproxy } from './haproxy.ts';
import { startNginx } from './nginx.ts';
import { nodeProgram } from './node-program.ts';

/** Who is measured against whom, the gateway first. */
export const contenders: readonly Contender[] = [
  { name: 'gateway', title: 'this gateway, everything on', isGuarded: true, start: startGateway },
  {
    name: 'obvious',
    title: 'the obvious build: Express, HPM, jsonwebtoken, two limiters, opossum',
    isGuarded: true,
    start: nodeProgram('obvious-build.ts'),
  },
  {
    name: 'express',
    title: 'Express + http-proxy-middleware, bare',
    isGuarded: false,
    start: nodeProgram('express-proxy.ts'),
  },
  { name: 'fastify', title: '@fastify/http-proxy, bare', isGuarded: false, start: nodeProgram('fastify-proxy.ts') },
  { name: 'haproxy', title: 'HAProxy with token check and two counters', isGuarded: true, start: startHaproxy },
  { name: 'nginx', title: 'nginx, proxying only', isGuarded: false, start: startNginx },
];
