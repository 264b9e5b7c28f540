import { type Document, isNode, isScalar, LineCounter, parseDocument } from 'yaml';
import { checkIdentity } from './check-identity.ts';
import type { Finding } from './config-error.ts';
import type { Environment } from './environment.ts';
import { type Complaint, fillReferences } from './fill-references.ts';
import { crossCheckLimits } from './limit-schema.ts';
import { type GatewayFile, gatewayFileSchema } from './schema.ts';

type Path = readonly PropertyKey[];

/**
 * Validates the text of `gateway.yaml`. Returns its content, or a finding with line and column for everything that is wrong;
 * and in any case whether it names somebody else than those of JWT_SECRET who issues tokens.
 * @param name how messages call the file
 * @param environment what `${NAME}` refers to
 */
export function parseGatewayFile(
  { name, text }: { name: string; text: string },
  environment: Environment,
): ({ file: GatewayFile } | { findings: Finding[] }) & { hasIssuers: boolean } {
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
  if (document.errors.some(({ code }) => code !== 'DUPLICATE_KEY')) return { findings, hasIssuers: false };
  const finding = (path: Path, problem: string): Finding => ({
    where: at(offsetOf(document, path)),
    key: nameOf(path),
    problem,
  });
  const value: unknown = document.toJS() ?? {};
  const missing = fillReferences(value, environment);
  const result = gatewayFileSchema.safeParse(value);
  const isReported = ({ path }: Complaint) => missing.some((other) => nameOf(other.path) === nameOf(path));
  const wrong = (result.error?.issues ?? []).flatMap(explain).filter((complaint) => !isReported(complaint));
  const limits = result.success ? crossCheckLimits(result.data) : [];
  const all = [...missing, ...wrong, ...crossCheck(value, environment), ...limits];
  for (const { path, problem } of all) findings.push(finding(path, problem));
  const hasIssuers = namesIssuers(value);
  return result.success && findings.length === 0 ? { file: result.data, hasIssuers } : { findings, hasIssuers };
}

function namesIssuers(file: unknown): boolean {
  const { issuers, introspection } = {
    ...(file as { identity?: { issuers?: unknown; introspection?: unknown } }).identity,
  };
  return (Array.isArray(issuers) && issuers.length > 0) || introspection !== undefined;
}

type Issue = {
  path: PropertyKey[];
  message: string;
  code: string;
  keys?: string[];
  issues?: { message: string }[];
  errors?: Issue[][];
};

function explain(issue: Issue): Complaint[] {
  if (issue.code === 'unrecognized_keys') {
    return (issue.keys ?? []).map((key) => ({ path: [...issue.path, key], problem: 'unknown key' }));
  }
  if (issue.code === 'invalid_union') return explainUnion(issue);
  // Of a key that is wrong, zod says what was expected one level deeper.
  const { message } = issue.code === 'invalid_key' ? (issue.issues?.[0] ?? issue) : issue;
  return [{ path: issue.path, problem: message.replace(/^Invalid input: /, '') }];
}

/** Of a key that takes several kinds of value, what is wrong by the kind that was meant; if it is none of them, all kinds. */
function explainUnion({ path, errors = [] }: Issue): Complaint[] {
  const meant = errors.find((issues) => !issues.some((one) => one.path.length === 0 && one.code === 'invalid_type'));
  if (meant !== undefined) return meant.flatMap((one) => explain({ ...one, path: [...path, ...one.path] }));
  const kinds = errors.flatMap(([first]) => first?.message.replace(/^Invalid input: |, received .*$/g, '') ?? []);
  return [{ path, problem: kinds.join(' or ') }];
}

/**
 * What a schema can't say: that names refer to something, and that no route hides another. It looks at every route that is
 * right in itself, whatever else is wrong in the file, so that an operator learns everything at once.
 */
function crossCheck(file: unknown, environment: Environment): Complaint[] {
  const { upstreams, routes, identity } = (file ?? {}) as { upstreams?: unknown; routes?: unknown; identity?: unknown };
  const names = typeof upstreams === 'object' ? Object.keys(upstreams ?? {}) : [];
  const known = gatewayFileSchema.shape.identity.safeParse(identity);
  const problems = known.success ? checkIdentity({ identity: known.data, upstreams: names, environment }) : [];
  const firstRoute = new Map<string, number>();
  for (const [index, unchecked] of (Array.isArray(routes) ? routes : []).entries()) {
    const route = gatewayFileSchema.shape.routes.element.safeParse(unchecked);
    if (!route.success) continue;
    const { path, methods, upstream, stripPrefix, auth, websocket } = route.data;
    const complain = (key: string, problem: string) => problems.push({ path: ['routes', index, key], problem });
    if (names.length > 0 && !names.includes(upstream)) {
      complain('upstream', `expected one of ${names.join(', ')}, got "${upstream}"`);
    }
    if (stripPrefix !== undefined && path !== stripPrefix && !path.startsWith(`${stripPrefix}/`)) {
      complain('stripPrefix', `expected a beginning of ${path}`);
    }
    for (const kind of ['roles', 'scopes'] as const) {
      const isAsked = auth === 'none' && route.data[kind] !== undefined;
      if (isAsked) complain(kind, `a route without a token has no ${kind} to check`);
    }
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
