import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { configurationPage } from './generate/configuration-page.ts';
import { envExample } from './generate/env-example.ts';
import { gatewaySchema } from './generate/gateway-schema.ts';
import { metricsPage } from './generate/metrics-page.ts';
import { problemsPage } from './generate/problems-page.ts';

/** Every file that is made from the code, and how. */
const files: Readonly<Record<string, () => string | Promise<string>>> = {
  '.env.example': envExample,
  'docs/configuration.md': configurationPage,
  'docs/gateway.schema.json': gatewaySchema,
  'docs/metrics.md': metricsPage,
  'docs/problems.md': problemsPage,
};

const EXIT_STALE = 1;
const root = dirname(import.meta.dirname);

const made = await Promise.all(
  Object.entries(files).map(async ([name, make]) => ({ name, path: join(root, name), text: await make() })),
);
const stale = made.filter(({ path, text }) => textOf(path) !== text);

if (process.argv.includes('--check')) {
  for (const { name } of stale) console.error(`${name} is stale: run \`npm run generate\` and commit the result.`);
  if (stale.length > 0) process.exitCode = EXIT_STALE;
} else {
  for (const { name, path, text } of stale) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    console.log(`wrote ${name}`);
  }
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
