import { readCaller } from '../shared/caller.ts';
import { type Operation, operation } from '../shared/operation.ts';
import { cutPage, pageOf, search } from '../shared/paging.ts';
import { Problem } from '../shared/problem.ts';
import { type TenantStore, tenantStore } from '../shared/tenant-store.ts';
import { commentOperations } from './comment-operations.ts';
import { assigneeBody, changeBody, createBody, statusBody, type Ticket, ticketQuery, ticketSchema } from './schemas.ts';
import { FIRST_NEW_NUMBER, seededTickets } from './seeds.ts';
import { statusFlow, type TicketStatus } from './status-flow.ts';

const NOT_FOUND = { 404: 'There is no ticket "…" in your tenant.' };

/**
 * Tickets: list, read, create, change, move through the flow, assign, discuss.
 * @param announce is told of each ticket that is new or has changed
 */
export function ticketOperations(announce: (ticket: Ticket) => void): Operation[] {
  const store = tenantStore('ticket', seededTickets);
  const put = (ticket: Ticket) => {
    announce(ticket);
    return store.put(ticket);
  };
  const tickets = { ...store, put };
  return [...collection(tickets), ...singleTicket(tickets), ...commentOperations(tickets)];
}

/** What is asked of `/`, which the client knows as /api/v1/tickets. */
function collection(tickets: TenantStore<Ticket>): Operation[] {
  let nextNumber = FIRST_NEW_NUMBER;
  return [
    operation({
      method: 'get',
      path: '/',
      summary: 'Lists the tickets of the tenant',
      identify: readCaller,
      query: ticketQuery,
      success: { status: 200, description: 'A page', schema: pageOf(ticketSchema, 'TicketPage') },
      handle: ({ caller, query }) => {
        const all = tickets.list(caller.tenantId);
        const withStatus = query.status ? all.filter(({ status }) => status === query.status) : all;
        const texts = ({ subject, description }: Ticket) => [subject, description];
        return cutPage(search(withStatus, { q: query.q, texts }), query);
      },
    }),
    operation({
      method: 'post',
      path: '/',
      summary: 'Opens a ticket',
      identify: readCaller,
      body: createBody,
      success: { status: 201, description: 'The new ticket', schema: ticketSchema },
      location: ({ id }) => `/${id}`,
      handle: ({ caller, body }) => {
        const now = new Date().toISOString();
        const id = String(nextNumber++);
        const owner = { tenantId: caller.tenantId, requesterId: caller.userId, assigneeId: null };
        return tickets.put({ ...body, ...owner, id, status: 'open', createdAt: now, updatedAt: now });
      },
    }),
  ];
}

function singleTicket(tickets: TenantStore<Ticket>): Operation[] {
  const shared = {
    identify: readCaller,
    success: { status: 200, description: 'The ticket now', schema: ticketSchema },
    problems: NOT_FOUND,
  };
  return [
    operation({
      ...shared,
      method: 'get',
      path: '/{id}',
      summary: 'Reads one ticket',
      handle: ({ id, caller }) => tickets.get(caller.tenantId, id),
    }),
    operation({
      ...shared,
      method: 'patch',
      path: '/{id}',
      summary: 'Changes some fields of a ticket',
      body: changeBody,
      handle: ({ id, caller, body }) => update(tickets.get(caller.tenantId, id), body),
    }),
    operation({
      ...shared,
      method: 'post',
      path: '/{id}/status',
      summary: 'Moves a ticket on',
      body: statusBody,
      problems: { ...NOT_FOUND, 409: refusedMove('open', 'closed').message },
      handle: ({ id, caller, body }) => {
        const ticket = tickets.get(caller.tenantId, id);
        if (!statusFlow[ticket.status].includes(body.status)) throw refusedMove(ticket.status, body.status);
        return update(ticket, body);
      },
    }),
    operation({
      ...shared,
      method: 'put',
      path: '/{id}/assignee',
      summary: 'Gives a ticket to someone, or to nobody',
      body: assigneeBody,
      handle: ({ id, caller, body }) => update(tickets.get(caller.tenantId, id), { assigneeId: body.userId }),
    }),
  ];

  function update(ticket: Ticket, change: object): Ticket {
    return tickets.put(ticketSchema.parse({ ...ticket, ...change, updatedAt: new Date().toISOString() }));
  }
}

function refusedMove(from: TicketStatus, to: TicketStatus): Problem {
  const allowed = statusFlow[from].join(', ') || 'nothing, it stays as it is';
  return new Problem({
    status: 409,
    detail: `A ticket that is ${from} can't become ${to}; allowed: ${allowed}.`,
  });
}
