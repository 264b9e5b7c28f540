import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '../..');

/** Something that forwards `/api/v1/crm/*` of PORT to CRM_SERVICE_URL. */
export interface Contender {
  readonly name: string;
  /** Arguments of `node`. */
  readonly command: readonly string[];
}

/** Who is measured against whom. The first one is ours, the second is the yardstick. */
export const contenders: readonly Contender[] = [
  { name: 'psa-api-gateway, everything on', command: [join(root, 'dist/main.js')] },
  { name: 'Express + http-proxy-middleware, bare', command: [join(root, 'bench/contenders/express-proxy.ts')] },
];
