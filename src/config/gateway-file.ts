import { type Document, isNode, isScalar, LineCounter, parseDocument } from 'yaml';
import type { Finding } from './config-error.ts';
import type { Environment } from './environment.ts';
import { crossCheckLimits } from './limit-schema.ts';
import { type GatewayFile, gatewayFileSchema } from './schema.ts';

type Path = readonly PropertyKey[];

/** What is wrong with the value at a path. */
interface Complaint {
  readonly path: Path;
  readonly problem: string;
}

/**
 * Validates the text of `gateway.yaml`. Returns its content, or a finding with line and column for everything that is wrong.
 * @param name how messages call the file
 * @param environment what `${NAME}` in an upstream's `url` refers to
 */
export function parseGatewayFile(
  { name, text }: { name: string; text: string },
  environment: Environment,
): { file: GatewayFile } | { findings: Finding[] } {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, prettyErrors: false });
  const at = (offset: number) => {
    const { line, col } = lineCounter.linePos(offset);
    return `${name}:${line}:${col}`;
  };
  const findings: Finding[] = document.errors.map((error) => ({
    where: at(error.pos[0]),
    key: '(YAML)',
    problem: error.message,
  }));
  // After a syntax error nothing means what it says. A key that is there twice leaves the rest worth checking.
  if (document.errors.some(({ code }) => code !== 'DUPLICATE_KEY')) return { findings };
  const finding = (path: Path, problem: string): Finding => ({
    where: at(offsetOf(document, path)),
    key: nameOf(path),
    problem,
  });
  const { value, missing } = fillReferences(document.toJS() ?? {}, environment);
  const result = gatewayFileSchema.safeParse(value);
  const isReported = ({ path }: Complaint) => missing.some((other) => nameOf(other.path) === nameOf(path));
  const wrong = (result.error?.issues ?? []).flatMap(explain).filter((complaint) => !isReported(complaint));
  const limits = result.success ? crossCheckLimits(result.data) : [];
  const all = [...missing, ...wrong, ...crossCheck(value), ...limits];
  for (const { path, problem } of all) findings.push(finding(path, problem));
  return result.success && findings.length === 0 ? { file: result.data } : { findings };
}

type Issue = { path: PropertyKey[]; message: string; code: string; keys?: string[]; issues?: { message: string }[] };

function explain(issue: Issue): Complaint[] {
  if (issue.code === 'unrecognized_keys') {
    return (issue.keys ?? []).map((key) => ({ path: [...issue.path, key], problem: 'unknown key' }));
  }
  // Of a key that is wrong, zod says what was expected one level deeper.
  const { message } = issue.code === 'invalid_key' ? (issue.issues?.[0] ?? issue) : issue;
  return [{ path: issue.path, problem: message.replace(/^Invalid input: /, '') }];
}

/** `url: ${NAME}` becomes the value of that variable. Only a whole value, so that a file can't build URLs from parts. */
function fillReferences(value: unknown, environment: Environment) {
  const missing: Complaint[] = [];
  const upstreams = (value as { upstreams?: unknown }).upstreams;
  if (typeof upstreams !== 'object' || upstreams === null) return { value, missing };
  for (const [name, upstream] of Object.entries(upstreams)) {
    const reference = /^\$\{([A-Z][A-Z0-9_]*)\}$/.exec(String(upstream?.url))?.[1];
    if (reference === undefined) continue;
    if (environment[reference]) upstream.url = environment[reference];
    else missing.push({ path: ['upstreams', name, 'url'], problem: `refers to ${reference}, which is not set` });
  }
  return { value, missing };
}

/**
 * What a schema can't say: that names refer to something, and that no route hides another. It looks at every route that is
 * right in itself, whatever else is wrong in the file, so that an operator learns everything at once.
 */
function crossCheck(file: unknown): Complaint[] {
  const { upstreams, routes } = (file ?? {}) as { upstreams?: unknown; routes?: unknown };
  const names = typeof upstreams === 'object' ? Object.keys(upstreams ?? {}) : [];
  const problems: Complaint[] = [];
  const firstRoute = new Map<string, number>();
  for (const [index, unchecked] of (Array.isArray(routes) ? routes : []).entries()) {
    const route = gatewayFileSchema.shape.routes.element.safeParse(unchecked);
    if (!route.success) continue;
    const { path, methods, upstream, stripPrefix, auth, roles, websocket } = route.data;
    const complain = (key: string, problem: string) => problems.push({ path: ['routes', index, key], problem });
    if (names.length > 0 && !names.includes(upstream)) {
      complain('upstream', `expected one of ${names.join(', ')}, got "${upstream}"`);
    }
    if (stripPrefix !== undefined && path !== stripPrefix && !path.startsWith(`${stripPrefix}/`)) {
      complain('stripPrefix', `expected a beginning of ${path}`);
    }
    if (auth === 'none' && roles !== undefined) complain('roles', 'a route without a token has no roles to check');
    if (websocket !== undefined && !methods.includes('GET')) {
      complain('websocket', 'a WebSocket begins with GET, which this route does not take');
    }
    const taken = new Map<number, string[]>();
    for (const method of methods) {
      const place = `${method} ${path.toLowerCase()}`;
      const first = firstRoute.get(place);
      if (first === undefined) firstRoute.set(place, index);
      else taken.set(first, [...(taken.get(first) ?? []), method]);
    }
    for (const [first, same] of taken) complain('path', `routes[${first}] has the same path and ${same.join(', ')}`);
  }
  return problems;
}

/** Where a key stands; for a missing one, where its parent does. */
function offsetOf(document: Document, path: Path): number {
  for (let length = path.length; length > 0; length--) {
    const parent = document.getIn(path.slice(0, length - 1), true);
    const pair = findKey(parent, path[length - 1]);
    if (pair !== undefined) return pair;
    const node = document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return node.range[0];
  }
  return 0;
}

function findKey(parent: unknown, key: PropertyKey | undefined): number | undefined {
  const items = (parent as { items?: { key?: unknown }[] } | undefined)?.items;
  const match = items?.find((item) => isScalar(item.key) && item.key.value === key);
  return isScalar(match?.key) ? match.key.range?.[0] : undefined;
}

function nameOf(path: Path): string {
  if (path.length === 0) return '(file)';
  return path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
    .join('')
    .replace(/^\./, '');
}
