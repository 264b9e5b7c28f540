import { z } from 'zod';
import type { Assertion } from './check-assertion.ts';
import { type Operation, operation } from './operation.ts';

const health = z.object({
  status: z.string().meta({ examples: ['healthy'] }),
  service: z.string(),
  uptimeSeconds: z.number(),
});
const echo = z.object({
  method: z.string(),
  path: z.string(),
  headers: z.array(z.tuple([z.string(), z.string()])).describe('Name and value as they came: case, order, repeats'),
  assertion: z
    .record(z.string(), z.unknown())
    .nullable()
    .describe('Who is calling, as the gateway has signed it; null if that is not checked here'),
});

interface CommonOptions {
  service: string;
  /** Asked at each request, because the document also describes these operations. */
  document: () => unknown;
}

/** What every sample service answers besides its own work. */
export function commonOperations({ service, document }: CommonOptions): Operation[] {
  return [
    operation({
      method: 'get',
      path: '/healthz',
      summary: 'Says that the service is up',
      success: { status: 200, description: 'It is', schema: health },
      handle: () => ({ status: 'healthy', service, uptimeSeconds: process.uptime() }),
    }),
    operation({
      method: 'get',
      path: '/openapi.json',
      summary: 'This document',
      success: { status: 200, description: 'OpenAPI 3.1', schema: z.unknown() },
      handle: document,
    }),
    operation({
      method: 'get',
      path: '/echo',
      summary: 'Shows the request as the service received it, so that people can see what the gateway sends',
      success: { status: 200, description: 'The request', schema: echo },
      handle: ({ request }) => ({
        method: request.method,
        path: request.originalUrl,
        headers: headerPairs(request.rawHeaders),
        assertion: (request.res?.locals.assertion as Assertion | undefined) ?? null,
      }),
    }),
  ];
}

/** Node lists names and values by turns. */
function headerPairs(rawHeaders: readonly string[]): [string, string][] {
  return rawHeaders.flatMap((name, index): [string, string][] =>
    index % 2 === 0 ? [[name, rawHeaders[index + 1] ?? '']] : [],
  );
}
