import { z } from 'zod';

/** Where a ticket can stand. */
export const statusSchema = z.enum(['open', 'in_progress', 'waiting', 'resolved', 'closed']);

/** @see statusSchema */
export type TicketStatus = z.infer<typeof statusSchema>;

/** From where to where a ticket can go. A closed one stays closed: what comes back is a new ticket. */
export const statusFlow: Readonly<Record<TicketStatus, readonly TicketStatus[]>> = {
  open: ['in_progress'],
  in_progress: ['waiting', 'resolved'],
  waiting: ['in_progress', 'resolved'],
  resolved: ['in_progress', 'closed'],
  closed: [],
};
