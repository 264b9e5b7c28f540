import { auditLog } from '../audit/audit-log.ts';
import { appendEvent } from '../audit/audit-stream.ts';
import { pseudonyms } from '../audit/pseudonyms.ts';
import { recordRefusals } from '../explain/record-refusals.ts';
import { masked } from '../observe/log-secrets.ts';
import { addressKey } from '../rate-limit/address-key.ts';
import type { AppOptions } from './app-options.ts';
import type { connectUpstreams } from './connect-upstreams.ts';

/** What a refusal leaves for those who ask why. */
export function explainRefusals(
  { config, redis, time }: AppOptions,
  { breakers, instances }: ReturnType<typeof connectUpstreams>,
) {
  const { entriesPerSecond } = config.gateway.explain;
  return recordRefusals({ link: redis, entriesPerSecond, masked, breakers, instances, time });
}

/** The record of security events, in this machine's file and in the stream of all machines. */
export function keepAuditLog({ config, redis, logger }: AppOptions) {
  const { routes, audit } = config.gateway;
  const logins = new Set(
    routes
      .filter(({ countLoginFailures }) => countLoginFailures)
      .flatMap(({ path, methods }) => methods.map((method) => `${method} ${path}`)),
  );
  return auditLog({
    eventsPerSecond: audit.eventsPerSecond,
    isLogin: (method, route) => logins.has(`${method} ${route}`),
    pseudonym: pseudonyms(config.settings.JWT_SECRET?.[0]),
    keyOfAddress: addressKey,
    write: logger.audit,
    async append(event) {
      if (redis.isAway()) return;
      // The link has noticed and logged a failure; the event is in the file.
      await appendEvent(redis, { event, maxEvents: audit.maxEvents }).catch(() => undefined);
    },
  });
}
