import { setTimeout as sleep } from 'node:timers/promises';
import { type Command, Option } from 'commander';
import { eventsAfter, lastEvents, type StoredEvent } from '../audit/audit-stream.ts';
import { pseudonyms } from '../audit/pseudonyms.ts';
import { eventKinds } from '../audit/security-event.ts';
import { onOneLine, visible } from '../observe/log-text.ts';
import { addressKey } from '../rate-limit/address-key.ts';
import type { Cli } from './cli.ts';
import { type Fleet, withFleet } from './fleet.ts';
import { table } from './layout.ts';
import { address, wholeNumber } from './option-kinds.ts';
import type { Report } from './report.ts';

interface AuditOptions {
  readonly count: number;
  readonly follow?: true;
  readonly event?: StoredEvent['event'];
  readonly user?: string;
  readonly client?: string;
}

const EXAMPLES = `
Events are failed logins, refusals (401, 403, 429) and operators' commands, of all machines. Equal ones within a second
are one with a count. Clients have pseudonyms; --client finds them by address.

Examples:
  $ npx gateway audit -n 5
  $ npx gateway audit --event operator_command
  $ npx gateway audit --client 203.0.113.9 --follow`;

const FOLLOW_INTERVAL_MS = 1000;
const FOLLOW_COUNT = 1000;

/** So many of the last events are looked through for those that were asked for. */
const LOOKED_THROUGH = 10_000;

/** `gateway audit`. */
export function addAudit(program: Command, cli: Cli): void {
  program
    .command('audit')
    .summary('security events: failed logins, refusals, operators')
    .description('Shows the last security events of the fleet, oldest first. Reading them leaves no record.')
    .option('-n, --count <number>', 'at most so many', wholeNumber({ min: 1, max: LOOKED_THROUGH }), 20)
    .option('-f, --follow', 'then wait for more, until Ctrl+C; with --json one object per line')
    .addOption(new Option('--event <kind>', 'only of this kind').choices(eventKinds))
    .option('--user <id>', 'only of this user')
    .option('--client <address>', 'only of this client address', address)
    .addHelpText('after', EXAMPLES)
    .action(cli.reporting((options: AuditOptions) => audited(options, cli)));
}

function audited(options: AuditOptions, cli: Cli): Promise<Report | undefined> {
  return withFleet({ surroundings: cli, deed: undefined }, async (fleet) => {
    const isWanted = wantedBy(options, fleet);
    const last = await lastEvents(fleet, LOOKED_THROUGH);
    const events = last.filter(isWanted).slice(-options.count);
    if (options.follow !== true) {
      return { text: events.length === 0 ? 'There are no such events.' : tableOf(events), data: events };
    }
    const show = (shown: readonly StoredEvent[]) => {
      for (const event of shown) cli.write(`${cli.isJson() ? onOneLine(JSON.stringify(event)) : lineOf(event)}\n`);
    };
    show(events);
    await follow({
      fleet,
      id: last.at(-1)?.id ?? '0-0',
      signal: cli.signal,
      onEvents: (more) => show(more.filter(isWanted)),
    });
    return undefined;
  });
}

interface FollowOptions {
  readonly fleet: Fleet;
  /** Of the last event that has been shown. */
  readonly id: string;
  readonly signal: AbortSignal;
  readonly onEvents: (events: readonly StoredEvent[]) => void;
}

async function follow({ fleet, id: firstId, signal, onEvents }: FollowOptions): Promise<void> {
  let id = firstId;
  while (!signal.aborted) {
    const events = await eventsAfter(fleet, { id, count: FOLLOW_COUNT });
    onEvents(events);
    id = events.at(-1)?.id ?? id;
    // What ends the sleep early is the signal, and the loop ends with it.
    if (events.length < FOLLOW_COUNT) await sleep(FOLLOW_INTERVAL_MS, undefined, { signal }).catch(() => undefined);
  }
}

function wantedBy({ event, user, client }: AuditOptions, { settings }: Fleet): (event: StoredEvent) => boolean {
  const pseudonym = pseudonyms(settings.JWT_SECRET?.[0]);
  const name = client === undefined ? undefined : pseudonym(addressKey(client));
  const users = user === undefined ? undefined : [user, pseudonym(user)];
  return (found) =>
    (event === undefined || found.event === event) &&
    (users === undefined || users.includes(found.user ?? '')) &&
    (name === undefined || found.client === name);
}

function tableOf(events: readonly StoredEvent[]): string {
  const rows = events.map(({ time, event, count, user, client, by, ...rest }) => [
    `${time.slice(0, 19)}Z`,
    event,
    count,
    whatOf(rest),
    by ?? user ?? client,
  ]);
  return table(['TIME', 'EVENT', 'COUNT', 'WHAT', 'WHO'], rows);
}

function whatOf({ command, target, reason, status, route }: Partial<StoredEvent>): string {
  return [command, target, reason ?? status, route].filter((part) => part !== undefined).join(' ');
}

/** On its own, a line says what each part of it is. */
function lineOf({ id: _, time, event, ...rest }: StoredEvent): string {
  const parts = Object.entries(rest).map(([name, value]) => `${name}=${value}`);
  return visible([time, event, ...parts].join('  '));
}
