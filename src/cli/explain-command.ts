import type { Command } from 'commander';
import { readRefusal } from '../explain/read-refusal.ts';
import { isRequestId, type Refusal } from '../explain/refusal.ts';
import type { Cli } from './cli.ts';
import { CliError } from './cli-error.ts';
import { withFleet } from './fleet.ts';
import { duration, fields } from './layout.ts';
import type { Report } from './report.ts';

const EXAMPLES = `
The id stands in the answer (X-Request-Id, requestId) and in access.log. Refusals are known for 15 minutes.

Example:
  $ npx gateway explain 5f0c4e0b8d3a4c1e9b7a2d6f1c3e5a79`;

/** `gateway explain`. */
export function addExplain(program: Command, cli: Cli): void {
  program
    .command('explain')
    .summary('why a request was refused')
    .description('Tells why a request was refused: the check, the limits, the service, and what helps.')
    .argument('<requestId>', 'the X-Request-Id of its answer')
    .addHelpText('after', EXAMPLES)
    .action(cli.reporting((requestId: string) => explained(requestId, cli)));
}

async function explained(requestId: string, surroundings: Cli): Promise<Report> {
  if (!isRequestId(requestId)) {
    throw new CliError('usage', `"${requestId}" is no request id: expected 8 to 128 letters, digits, ".", "_" or "-".`);
  }
  const deed = () => ({ command: 'explain', target: requestId });
  const refusal = await withFleet({ surroundings, deed }, (fleet) => readRefusal(fleet, requestId));
  if (refusal !== undefined) return { text: textOf(refusal), data: refusal };
  const text = `Nothing is known of ${requestId}. Refusals are kept for 15 minutes; logs/access.log goes further back.`;
  return { text, data: { requestId, known: false }, isFinding: true };
}

function textOf(refusal: Refusal): string {
  const { reason, status, detail, whatHelps, time, method, path, route, user, tenant, client, upstream } = refusal;
  const limits = refusal.limits.map(
    ({ policy, remaining = 0, resetSeconds = 0 }) =>
      `${policy}: ${remaining} left, resets in ${duration(resetSeconds)}`,
  );
  return fields({
    Refused: `${status} ${reason}`,
    Because: detail,
    'What helps': whatHelps,
    Request: `${method} ${path}`,
    Route: route ?? 'none',
    At: time,
    User: user,
    Tenant: tenant,
    Address: client,
    Limits: limits.length === 0 ? undefined : limits.join('; '),
    Service: upstream?.name,
    Breaker: upstream?.breaker,
    Instances: upstream?.instances && `${upstream.instances.healthy} of ${upstream.instances.total} healthy`,
    'Asked last': upstream?.instance,
  });
}
