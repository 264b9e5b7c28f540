import type { RequestHandler, Response } from 'express';
import { contextOf } from '../context.ts';
import { docsPage } from './docs-page.ts';

interface AnswerDocsOptions {
  /** Title of the page. */
  readonly title: string;
  /** The OpenAPI document as JSON. */
  readonly document: () => Promise<string>;
}

const DOCUMENT_PATH = '/api-docs.json';

/**
 * Stage: answers `/api-docs`, the files that this page loads, and `/api-docs.json`. Never limited, never forwarded.
 * No address in it names a host, so all of it works behind any proxy.
 */
export function answerDocs({ title, document }: AnswerDocsOptions) {
  const page = docsPage({ title, documentPath: DOCUMENT_PATH });
  return function answerDocs(req, res, next) {
    const { path } = contextOf(req);
    if (!path.startsWith('/api-docs') || (req.method !== 'GET' && req.method !== 'HEAD')) return next();
    if (path === DOCUMENT_PATH) return document().then((text) => answer(res, 'json', text));
    if (path === '/api-docs' || path === '/api-docs/') {
      res.setHeader('Content-Security-Policy', page.contentSecurityPolicy);
      return answer(res, 'html', page.html);
    }
    return page.isAsset(path) ? page.serveAsset(req, res, next) : next();
  } satisfies RequestHandler;
}

function answer(res: Response, type: 'json' | 'html', body: string): void {
  // To be asked for again each time: it changes with the services.
  res.setHeader('Cache-Control', 'no-cache');
  res.type(type).send(body);
}
