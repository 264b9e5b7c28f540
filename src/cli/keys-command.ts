import type { Command } from 'commander';
import { type IssuedKey, type KeyStore, keyStore, type ListedKey } from '../api-keys/key-store.ts';
import type { Cli } from './cli.ts';
import { CliError } from './cli-error.ts';
import { examples } from './examples.ts';
import { type Deed, withFleet } from './fleet.ts';
import { duration, fields, moment, table } from './layout.ts';
import { id, names, seconds } from './option-kinds.ts';
import type { Report } from './report.ts';

interface CreateOptions {
  readonly owner: string;
  readonly name?: string;
  readonly tenant?: string;
  readonly roles?: readonly string[];
  readonly scopes?: readonly string[];
  readonly limits?: readonly string[];
  readonly expires?: number;
}

const EXAMPLES = `
Machines send a key as X-API-Key, or as Authorization: ApiKey <key>. It is shown once, and kept as a hash.

Examples:
  $ npx gateway keys create --owner billing --tenant acme --scopes read:tickets --expires 90d
  $ npx gateway keys list --tenant acme
  $ npx gateway keys show 0f6c2b9d41e8a357
  $ npx gateway keys rotate 0f6c2b9d41e8a357 --grace 24h
  $ npx gateway keys revoke 0f6c2b9d41e8a357`;

const ID_HELP = 'as keys list shows it';

/** So long the last use of a key is known. */
const USE_KNOWN_MS = 90 * 86_400_000;

/** `gateway keys`. */
export function addKeys(program: Command, cli: Cli): void {
  const keys = program.command('keys').summary('API keys of machines').description('API keys of machines.');
  keys.addHelpText('after', EXAMPLES);
  keys
    .command('create')
    .description('Makes a key, and shows it once.')
    .requiredOption('--owner <name>', 'who answers for it', id)
    .option('--name <text>', 'for people')
    .option('--tenant <id>', 'whose data it is for', id)
    .option('--roles <names>', 'roles, with commas between', names)
    .option('--scopes <names>', 'scopes, with commas between', names)
    .option('--limits <names>', 'policies of gateway.yaml that limit it', names)
    .option('--expires <time>', 'such as 90d; without it, until it is revoked', seconds)
    .addHelpText('after', examples('keys create --owner billing --tenant acme --scopes read:tickets --expires 90d'))
    .action(cli.reporting((options: CreateOptions) => created(options, cli)));
  keys
    .command('list')
    .description('Lists keys, also those that ended in the last 30 days.')
    .option('--tenant <id>', 'only of this tenant', id)
    .addHelpText('after', examples('keys list', 'keys list --tenant acme --json'))
    .action(cli.reporting((options: { tenant?: string }) => listed(options.tenant, cli)));
  keys
    .command('show')
    .description('Shows one key: whose it is, what it may do, and whether it is used.')
    .argument('<id>', ID_HELP, id)
    .addHelpText('after', examples('keys show 0f6c2b9d41e8a357'))
    .action(cli.reporting((keyId: string) => shown(keyId, cli)));
  addRotateAndRevoke(keys, cli);
}

function addRotateAndRevoke(keys: Command, cli: Cli): void {
  keys
    .command('rotate')
    .description('Gives a key a new secret, shown once. The old one stays valid for a while.')
    .argument('<id>', ID_HELP, id)
    .option('--grace <time>', 'how long the old secret stays valid', seconds, seconds('24h'))
    .addHelpText('after', examples('keys rotate 0f6c2b9d41e8a357 --grace 8h'))
    .action(cli.reporting((keyId: string, { grace }: { grace: number }) => rotated({ id: keyId, grace }, cli)));
  keys
    .command('revoke')
    .description('Ends a key, now and for good.')
    .argument('<id>', ID_HELP, id)
    .addHelpText('after', examples('keys revoke 0f6c2b9d41e8a357'))
    .action(cli.reporting((keyId: string) => revoked(keyId, cli)));
}

async function created({ expires, tenant, ...options }: CreateOptions, cli: Cli): Promise<Report> {
  const expiresAtMs = expires === undefined ? undefined : cli.now() + expires * 1000;
  const deed = ({ id }: IssuedKey) => ({ command: 'keys create', target: id });
  const issued = await withStore({ cli, deed }, (store) => store.create({ ...options, tenantId: tenant, expiresAtMs }));
  return reportOf(issued, { Owner: options.owner, Tenant: tenant, Expires: moment(expiresAtMs) ?? 'never' });
}

async function listed(tenantId: string | undefined, cli: Cli): Promise<Report> {
  const deed = () => ({ command: 'keys list', target: tenantId });
  const keys = await withStore({ cli, deed }, (store) => store.list({ tenantId }));
  const rows = keys.map((key) => [
    key.id,
    key.owner,
    key.tenantId,
    [...key.roles, ...key.scopes].join(' '),
    key.status,
    moment(key.expiresAtMs),
    moment(key.lastUsedAtMs),
  ]);
  const headings = ['ID', 'OWNER', 'TENANT', 'MAY', 'STATUS', 'EXPIRES', 'LAST USED'];
  return { text: keys.length === 0 ? 'There are no keys.' : table(headings, rows), data: keys };
}

async function shown(keyId: string, cli: Cli): Promise<Report> {
  const deed = () => ({ command: 'keys show', target: keyId });
  const key = await withStore({ cli, deed }, async (store) => (await store.show(keyId)) ?? missing(keyId, undefined));
  const isNew = cli.now() - key.createdAtMs < USE_KNOWN_MS;
  const text = fields({
    Id: key.id,
    Name: key.name,
    Owner: key.owner,
    Tenant: key.tenantId,
    Roles: key.roles.join(' ') || undefined,
    Scopes: key.scopes.join(' ') || undefined,
    Limits: key.limits?.join(' '),
    Status: key.status,
    Created: moment(key.createdAtMs),
    Expires: moment(key.expiresAtMs) ?? 'never',
    Revoked: moment(key.revokedAtMs),
    'Old secret': key.oldSecretUntilMs === undefined ? undefined : `valid until ${moment(key.oldSecretUntilMs)}`,
    'Last used': moment(key.lastUsedAtMs) ?? (isNew ? 'never' : 'not in the last 90 days'),
  });
  return { text, data: key };
}

async function rotated({ id, grace }: { id: string; grace: number }, cli: Cli): Promise<Report> {
  const deed = () => ({ command: 'keys rotate', target: id });
  const issued = await withStore({ cli, deed }, async (store) => {
    const key = await activeKey(store, id);
    const next = await store.rotate(id, { graceSeconds: grace });
    return next ?? missing(id, key);
  });
  return reportOf(issued, { 'Old secret': `valid for another ${duration(grace)}` });
}

async function revoked(id: string, cli: Cli): Promise<Report> {
  const deed = () => ({ command: 'keys revoke', target: id });
  await withStore({ cli, deed }, async (store) => {
    if (!(await store.revoke(id))) missing(id, undefined);
  });
  return { text: `The key ${id} is revoked. Every worker refuses it within a second.`, data: { id, revoked: true } };
}

async function activeKey(store: KeyStore, id: string): Promise<ListedKey> {
  const key = await store.show(id);
  return key?.status === 'active' ? key : missing(id, key);
}

function missing(id: string, key: ListedKey | undefined): never {
  const problem = key === undefined ? 'There is no such key' : `That key is ${key.status}`;
  throw new CliError('found', `${problem}: ${id}. Those that there are: gateway keys list.`);
}

function reportOf({ id, key }: IssuedKey, facts: Parameters<typeof fields>[0]): Report {
  const text = `${fields({ Id: id, Key: key, ...facts })}\n\nThe key is not shown again: only its hash is kept.`;
  return { text, data: { id, key } };
}

interface StoreOptions<T> {
  readonly cli: Cli;
  readonly deed: (result: T) => Deed;
}

function withStore<T>({ cli, deed }: StoreOptions<T>, work: (store: KeyStore) => Promise<T>): Promise<T> {
  return withFleet({ surroundings: cli, deed }, ({ command }) => work(keyStore({ command, now: cli.now })));
}
