import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Result } from '../run/result.ts';
import { renderPage } from './render-page.ts';

/** Writes the page, and the same as JSON beside it; returns the page's path. */
export function writeReport(result: Result, folder: string): string {
  mkdirSync(folder, { recursive: true });
  const name = `${result.profile}-${result.startedAt.slice(0, 19).replaceAll(':', '')}`;
  const page = join(folder, `${name}.html`);
  writeFileSync(page, renderPage(result));
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(result, null, 2)}\n`);
  return page;
}
