import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { z } from 'zod';
import { loadConfig } from '../../src/config/load-config.ts';
import { catalog } from '../../src/problem/catalog.ts';

const root = resolve(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const filesIn = (folder: string, ending: RegExp) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => ending.test(name))
    .map((name) => join(folder, name));

interface Manifest {
  readonly scripts: Readonly<Record<string, string>>;
  readonly dependencies: object;
  readonly devDependencies: object;
  readonly optionalDependencies: object;
}
const manifest = JSON.parse(read('package.json')) as Manifest;
const packages = Object.keys({
  ...manifest.dependencies,
  ...manifest.devDependencies,
  ...manifest.optionalDependencies,
});
/** Everything that is written for people. A changelog may name what is gone. */
const documents = [...readdirSync(root).filter((name) => name.endsWith('.md')), ...filesIn('docs', /\.md$/)].filter(
  (name) => name !== 'CHANGELOG.md',
);
const records = documents.filter((name) => name.startsWith('docs/adr/')).toSorted((a, b) => a.localeCompare(b));

/** What else is written like a reason: the options of PM2 and nginx, the names of metrics and of security events. */
const writtenLikeReasons = new Set([
  ...['ecosystem.config.js', 'docs/metrics.md', 'src/audit/security-event.ts', ...filesIn('nginx', /\.conf$/)].flatMap(
    (name) => read(name).match(/\w+/g) ?? [],
  ),
  // Claims, as others name them.
  ...['token_use', 'client_id', 'org_id'],
]);

const FENCE = /^```.*?^```/gms;
const PATH =
  /^(?:(?:src|demo|test|docs|scripts|bench|loadtest|nginx)\/[\w./-]*|\.env\.example|\.?[\w-]+(?:\.[\w-]+)*\.(?:[cm]?[jt]s|md|ya?ml|json))$/;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'psa-docs-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe.each(documents)('%s', (name) => {
  const text = read(name);

  it('names only files and folders that exist', () => {
    const paths = wordsInCode(text).filter((word) => PATH.test(word) && !packages.includes(word));
    expect(paths.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });

  it('names only npm scripts that exist', () => {
    const scripts = [...text.matchAll(/npm (?:run (?:--silent )?([\w:-]+)|(test|start)\b)/g)].map(
      ([, run, short]) => run ?? short,
    );
    expect(scripts.filter((script) => manifest.scripts[String(script)] === undefined)).toEqual([]);
  });

  it('names only reasons of the catalogue', () => {
    const words = wordsInCode(text).filter((word) => /^[a-z]+(?:_[a-z]+)+$/.test(word));
    const reasons = words.filter((word) => !writtenLikeReasons.has(word));
    expect(reasons.filter((reason) => !Object.hasOwn(catalog, reason))).toEqual([]);
  });

  it('has no dead links', () => {
    const links = [...text.replaceAll(FENCE, '').matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link);
    const own = links.filter((link) => !/^https?:/.test(link));
    expect(own.filter((link) => !leadsSomewhere(link, name))).toEqual([]);
  });
});

describe('ARCHITECTURE.md', () => {
  const architecture = read('ARCHITECTURE.md');

  it('lists the stages in the order of src/app.ts', () => {
    const stages = [...read('src/app.ts').matchAll(/^ {2}app\.use\((\w+)\(/gm)].map(([, stage]) => stage);
    const section = architecture.slice(architecture.indexOf('## The pipeline'), architecture.indexOf('## The seam'));
    expect([...section.matchAll(/^\| `(\w+)` \|/gm)].map(([, stage]) => stage)).toEqual(stages);
    expect(stages.length).toBeGreaterThan(10);
  });

  it('has every file of the source on its map', () => {
    const map = architecture.slice(architecture.indexOf('## Map'), architecture.indexOf('## The pipeline'));
    expect(filesIn('src', /\.ts$/).filter((file) => !map.includes(`\`${file}\``))).toEqual([]);
  });
});

describe('the decision records', () => {
  it('are numbered without gaps, each with status, context, decision and consequences', () => {
    expect(records.map((name) => Number(/(\d{4})-/.exec(name)?.[1]))).toEqual(records.map((_, index) => index + 1));
    for (const [index, name] of records.entries()) {
      const order = new RegExp(`^# ${index + 1}\\. .*^Status: .*^## Context$.*^## Decision$.*^## Consequences$`, 'ms');
      expect(read(name)).toMatch(order);
    }
  });

  it('exist wherever the code refers to one', () => {
    const sources = ['src', 'scripts', 'demo', 'test'].flatMap((name) => filesIn(name, /\.m?[jt]s$/));
    const references = sources.flatMap((name) => [...read(name).matchAll(/docs\/adr\/\d[\w-]*\.md/g)].map(String));
    expect(references.length).toBeGreaterThan(0);
    expect(references.filter((reference) => !records.includes(reference))).toEqual([]);
  });

  it('say what every dependency is for', () => {
    const table = read('docs/adr/0005-runtime-and-tools.md');
    expect(packages.filter((name) => !table.includes(`\`${name}\``))).toEqual([]);
  });
});

describe('.env.example', () => {
  const example = read('.env.example');
  const configOf = (env: string) => {
    writeFileSync(join(folder, '.env'), env.replace('JWT_SECRET=', `JWT_SECRET=${'s'.repeat(32)}`));
    cpSync(join(root, 'gateway.yaml'), join(folder, 'gateway.yaml'));
    return loadConfig({ environment: {}, folder });
  };

  it('is a working configuration once JWT_SECRET is filled in', () => {
    const { settings } = configOf(example);
    expect(settings).toMatchObject({ PORT: 3000, JWT_ISSUER: 'psa-auth', JWT_AUDIENCE: 'psa-api' });
  });

  it('shows the defaults in what is commented out', () => {
    const all = configOf(example.replaceAll(/^# (?=[A-Z][A-Z0-9_]*=)/gm, ''));
    expect(all.settings).toEqual({
      ...configOf(example).settings,
      HOST: '127.0.0.1',
      ALLOWED_ORIGINS: ['http://localhost:5173'],
    });
  });
});

describe('docs/gateway.schema.json', () => {
  const schema = z.fromJSONSchema(JSON.parse(read('docs/gateway.schema.json')) as z.core.JSONSchema.JSONSchema);

  it('takes gateway.yaml as shipped, references to the environment included', () => {
    expect(schema.safeParse(parse(read('gateway.yaml'))).error).toBeUndefined();
  });

  it('takes header names in any letter case', () => {
    const identity = { headers: { 'X-User-Id': 'sub', 'x-tenant-id': 'tenantId' } };
    expect(schema.safeParse({ ...(parse(read('gateway.yaml')) as object), identity }).error).toBeUndefined();
  });

  it('refuses a key that the gateway would refuse', () => {
    expect(schema.safeParse({ ...(parse(read('gateway.yaml')) as object), rotues: [] }).success).toBe(false);
  });
});

describe('npm run generate', () => {
  const generate = (...flags: string[]) =>
    spawnSync(process.execPath, [join(folder, 'scripts/generate.ts'), ...flags], { encoding: 'utf8' });
  const stale = '<!-- edited by hand -->';
  beforeEach(() => {
    for (const name of ['scripts', 'docs', '.env.example']) {
      cpSync(join(root, name), join(folder, name), { recursive: true });
    }
    for (const name of ['src', 'node_modules']) symlinkSync(join(root, name), join(folder, name));
  });
  const makeStale = () => {
    writeFileSync(join(folder, 'docs/problems.md'), stale);
    rmSync(join(folder, '.env.example'));
  };

  it('has been run since the last change of what it reads', () => {
    expect(generate('--check')).toMatchObject({ status: 0, stderr: '' });
  });

  it('names each stale or missing file, fails and writes nothing when it only checks', () => {
    makeStale();
    const { status, stderr } = generate('--check');
    expect(status).toBe(1);
    expect(stderr.match(/^\S+(?= is stale)/gm)).toEqual(['.env.example', 'docs/problems.md']);
    expect(readFileSync(join(folder, 'docs/problems.md'), 'utf8')).toBe(stale);
  });

  it('renews what is stale, after which the check passes', () => {
    makeStale();
    expect(generate().stdout).toBe('wrote .env.example\nwrote docs/problems.md\n');
    expect(generate('--check')).toMatchObject({ status: 0, stderr: '' });
  });
});

/** Every word in code: `like this`, or in a fenced block. */
function wordsInCode(text: string): string[] {
  const fences = text.match(FENCE) ?? [];
  const spans = [...text.replaceAll(FENCE, '').matchAll(/`([^`\n]+)`/g)].map(([, span = '']) => span);
  return [...fences, ...spans].flatMap((code) => code.split(/[\s,]+/));
}

/** Whether a relative link leads to a file and, if it names one, to a heading in it. */
function leadsSomewhere(link: string, from: string): boolean {
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? join(root, from) : resolve(root, dirname(from), path);
  if (!existsSync(target)) return false;
  return anchor === undefined || headingsOf(readFileSync(target, 'utf8')).includes(anchor);
}

/** The anchors of a document, as GitHub makes them of its headings. */
function headingsOf(text: string): string[] {
  const headings = [...text.replaceAll(FENCE, '').matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => heading);
  return headings.map((heading) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\s-]/g, '')
      .replaceAll(' ', '-'),
  );
}
