import type { RequestHandler } from 'express';
import { authOperations } from './auth/auth-operations.ts';
import type { TokenSettings } from './auth/sign-access-token.ts';
import { callCounter } from './control/call-counter.ts';
import { controlOperations } from './control/control-operations.ts';
import { faultInjector } from './control/fault-injector.ts';
import { crmOperations } from './crm/crm-operations.ts';
import { type Listener, listen } from './listen.ts';
import { type CheckAssertion, checkAssertion } from './shared/check-assertion.ts';
import { commonOperations } from './shared/common-operations.ts';
import { createServiceApp } from './shared/create-service-app.ts';
import { openapi } from './shared/openapi.ts';
import type { Operation } from './shared/operation.ts';
import { type LiveTickets, liveTickets } from './tickets/live-tickets.ts';
import { ticketOperations } from './tickets/ticket-operations.ts';

/** The sample services that there are. */
export const SERVICE_NAMES = ['auth', 'crm', 'tickets'] as const;

/** One of the sample services. */
export type ServiceName = (typeof SERVICE_NAMES)[number];

/** What to start, and where. */
export interface ServiceOptions {
  service: ServiceName;
  /** 0 takes a free port. */
  port: number;
  host: string;
  /** Of the listener for faults and counts; 0 takes a free port, and without it there is none. */
  controlPort?: number | undefined;
  /** Needed by `auth`, which signs tokens; the others never see one. */
  tokens?: TokenSettings | undefined;
  /** Of the gateway's keys. With it, who is calling is believed only with the gateway's signature. */
  keysUrl?: URL | undefined;
}

/** A service that answers. */
export interface RunningService {
  port: number;
  /** Null without a control listener. */
  controlPort: number | null;
  /** Settles when all its sockets are closed. */
  close: () => Promise<void>;
}

const INFO: Readonly<Record<ServiceName, { title: string; description: string; gatewayPrefix: string }>> = {
  auth: {
    title: 'Auth service (sample)',
    description: 'Accounts and tokens, in memory. The credentials in the examples work until the service stops.',
    gatewayPrefix: '/api/v1/auth',
  },
  crm: {
    title: 'CRM service (sample)',
    description: 'Companies and contacts, in memory, kept apart by tenant.',
    gatewayPrefix: '/api/v1/crm',
  },
  tickets: {
    title: 'Tickets service (sample)',
    description: 'Tickets and their comments, in memory, kept apart by tenant.',
    gatewayPrefix: '/api/v1/tickets',
  },
};

/**
 * Starts a sample service in this process, with its own copy of the seeded data.
 * @throws when an address can't be had, or `auth` gets no token settings
 */
export async function startService(options: ServiceOptions): Promise<RunningService> {
  const { service, port, host, controlPort, keysUrl } = options;
  const check = keysUrl && checkAssertion({ keysUrl, service });
  const faults = faultInjector();
  const { calls, countCall } = callCounter();
  const live = service === 'tickets' ? liveTickets(check) : undefined;
  const document = (): unknown => openapi(operations, INFO[service]);
  // The common ones first: /healthz would otherwise be a ticket's id.
  const operations: Operation[] = [...commonOperations({ service, document }), ...(await ownOperations(options, live))];
  const app = createServiceApp(operations, [countCall, faults.injectFault, believing(check)]);
  const listener = await listen(app, { port, host, live });
  const control = controlPort === undefined ? null : await listenOrClose(listener, controlPort);
  return { port: listener.port, controlPort: control?.port ?? null, close };

  /** A service whose control listener failed must not stay behind half started. */
  async function listenOrClose(started: Listener, wantedPort: number): Promise<Listener> {
    try {
      return await listen(createServiceApp(controlOperations({ faults, calls })), { port: wantedPort, host });
    } catch (error) {
      await started.close();
      throw error;
    }
  }

  async function close(): Promise<void> {
    await Promise.all([listener.close(), control?.close()]);
  }
}

/** A stage that leaves what is signed of the caller to `/echo`, and refuses whoever only claims to be somebody. */
function believing(check: CheckAssertion | undefined): RequestHandler {
  return async function believeAssertion(request, response, next) {
    response.locals.assertion = await check?.(request.headers);
    next();
  };
}

async function ownOperations({ service, tokens }: ServiceOptions, live: LiveTickets | undefined): Promise<Operation[]> {
  if (service === 'crm') return crmOperations();
  if (live !== undefined) return ticketOperations(live.announce);
  if (!tokens) throw new Error('The auth service needs token settings: signingSecret, issuer, audience.');
  return authOperations(tokens);
}
