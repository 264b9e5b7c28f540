import { z } from 'zod';
import { bodyOf } from '../shared/body-of.ts';
import { pageQuery } from '../shared/paging.ts';
import { seededComments, seededTickets } from './seeds.ts';
import { statusSchema } from './status-flow.ts';

const fields = {
  subject: z.string().trim().min(1).max(200),
  description: z.string().trim().max(10_000),
  priority: z.enum(['low', 'normal', 'high', 'urgent']),
  companyId: z.string().min(1).max(80).nullable().describe('Of a company in the CRM'),
};

const userId = z.string().min(1).max(80);

const ticket = z.object({
  id: z.string(),
  tenantId: z.string(),
  ...fields,
  status: statusSchema,
  requesterId: userId,
  assigneeId: userId.nullable(),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
});

const comment = z.object({
  id: z.string(),
  ticketId: z.string(),
  author: z.object({ id: z.string(), email: z.string().nullable(), roles: z.array(z.string()) }),
  text: z.string(),
  createdAt: z.iso.datetime(),
});

/** @see ticketSchema */
export type Ticket = z.infer<typeof ticket>;
/** @see commentSchema */
export type Comment = z.infer<typeof comment>;

/** A ticket as kept and answered. */
export const ticketSchema = ticket.meta({ id: 'Ticket', examples: seededTickets.slice(1, 2) });
/** A comment as kept and answered. */
export const commentSchema = comment.meta({ id: 'Comment', examples: [...seededComments] });

/** The query of the list of tickets. */
export const ticketQuery = pageQuery.extend({ status: statusSchema.optional() });

/** The query of the list of a ticket's comments. */
export const commentQuery = pageQuery.omit({ q: true });

/** The body of POST /. */
export const createBody = bodyOf({
  ...fields,
  description: fields.description.default(''),
  priority: fields.priority.default('normal'),
  companyId: fields.companyId.default(null),
}).meta({
  id: 'NewTicket',
  examples: [{ subject: 'Label printer offline', priority: 'high', companyId: 'acme' }],
});

/** The body of PATCH /{id}. */
export const changeBody = bodyOf(z.object(fields).partial().shape).meta({
  id: 'TicketChange',
  examples: [{ priority: 'urgent' }],
});

/** The body of POST /{id}/status. */
export const statusBody = bodyOf({ status: statusSchema }).meta({
  id: 'StatusChange',
  examples: [{ status: 'in_progress' }],
});

/** The body of POST /{id}/comments. */
export const commentBody = bodyOf({ text: z.string().trim().min(1).max(10_000) }).meta({
  id: 'NewComment',
  examples: [{ text: 'Restarted the print server; please try again.' }],
});

/** The body of PUT /{id}/assignee; null takes the ticket from whoever has it. */
export const assigneeBody = bodyOf({ userId: userId.nullable() }).meta({
  id: 'Assignee',
  examples: [{ userId: 'user-ben' }, { userId: null }],
});
