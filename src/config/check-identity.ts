import type { Environment } from './environment.ts';
import type { Complaint } from './fill-references.ts';
import type { GatewayFile } from './schema.ts';

interface CheckIdentityOptions {
  readonly identity: GatewayFile['identity'];
  /** Names of the upstreams. */
  readonly upstreams: readonly string[];
  readonly environment: Environment;
}

const PREFIX_MISSING = 'missing; tokens come from several sources, whose users could have the same `sub`';

/** What the schema of `identity` can't say: that no two sources of tokens are taken for each other, and that names mean something. */
export function checkIdentity({ identity, upstreams, environment }: CheckIdentityOptions): Complaint[] {
  const { issuers, introspection, assertion } = identity;
  const isShared = Boolean(environment.JWT_SECRET);
  const sources = issuers.length + (isShared ? 1 : 0) + (introspection === undefined ? 0 : 1);
  const complaints: Complaint[] = [];
  for (const [index, { issuer, subjectPrefix }] of issuers.entries()) {
    const complain = (key: string, problem: string) =>
      complaints.push({ path: ['identity', 'issuers', index, key], problem });
    const first = issuers.findIndex((other) => other.issuer === issuer);
    if (first !== index) complain('issuer', `issuers[${first}] is the same`);
    if (isShared && issuer === environment.JWT_ISSUER)
      complain('issuer', 'is JWT_ISSUER, whose keys are those of JWT_SECRET');
    if (sources > 1 && subjectPrefix === undefined) complain('subjectPrefix', PREFIX_MISSING);
  }
  if (sources > 1 && introspection !== undefined && introspection.subjectPrefix === undefined) {
    complaints.push({ path: ['identity', 'introspection', 'subjectPrefix'], problem: PREFIX_MISSING });
  }
  for (const name of Object.keys(assertion?.audiences ?? {})) {
    if (upstreams.includes(name)) continue;
    complaints.push({
      path: ['identity', 'assertion', 'audiences', name],
      problem: `expected one of ${upstreams.join(', ')}`,
    });
  }
  return complaints;
}
