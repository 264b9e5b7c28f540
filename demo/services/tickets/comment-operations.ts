import { readCaller } from '../shared/caller.ts';
import { type Operation, operation } from '../shared/operation.ts';
import { cutPage, pageOf } from '../shared/paging.ts';
import type { TenantStore } from '../shared/tenant-store.ts';
import { commentBody, commentQuery, commentSchema, type Ticket } from './schemas.ts';
import { seededComments } from './seeds.ts';

/** The discussion of a ticket, oldest comment first. */
export function commentOperations(tickets: Pick<TenantStore<Ticket>, 'get'>): Operation[] {
  const byTicket = Map.groupBy(seededComments, ({ ticketId }) => ticketId);
  const shared = {
    path: '/{id}/comments',
    identify: readCaller,
    problems: { 404: 'There is no ticket "…" in your tenant.' },
  };
  return [
    operation({
      ...shared,
      method: 'get',
      summary: 'Lists the comments on a ticket',
      query: commentQuery,
      success: { status: 200, description: 'A page', schema: pageOf(commentSchema, 'CommentPage') },
      handle: ({ id, caller, query }) => {
        tickets.get(caller.tenantId, id);
        return cutPage(byTicket.get(id) ?? [], query);
      },
    }),
    operation({
      ...shared,
      method: 'post',
      summary: 'Comments on a ticket',
      body: commentBody,
      success: { status: 201, description: 'The new comment', schema: commentSchema },
      location: ({ ticketId }) => `/${ticketId}/comments`,
      handle: ({ id, caller, body }) => {
        tickets.get(caller.tenantId, id);
        const comments = byTicket.get(id) ?? [];
        const author = { id: caller.userId, email: caller.email, roles: caller.roles };
        const name = { id: `${id}-${comments.length + 1}`, ticketId: id };
        const comment = { ...name, author, text: body.text, createdAt: new Date().toISOString() };
        byTicket.set(id, [...comments, comment]);
        return comment;
      },
    }),
  ];
}
