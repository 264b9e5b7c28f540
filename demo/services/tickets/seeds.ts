import type { Comment, Ticket } from './schemas.ts';

/** The number of the first ticket made after the start; the seeded ones stand below it. */
export const FIRST_NEW_NUMBER = 100;

const brightpath = {
  tenantId: 'brightpath',
  requesterId: 'user-carla',
  assigneeId: 'user-ben',
  createdAt: '2025-03-10T08:30:00.000Z',
  updatedAt: '2025-03-11T14:00:00.000Z',
};
const kestrel = { ...brightpath, tenantId: 'kestrel', requesterId: 'user-dmitri', assigneeId: null };

/** The tickets at the start, one in every status. */
export const seededTickets: readonly Ticket[] = [
  {
    ...brightpath,
    id: '41',
    subject: 'New laptop for a colleague who starts on Monday',
    description: 'Standard image, German keyboard.',
    priority: 'normal',
    companyId: 'harbour',
    status: 'open',
    assigneeId: null,
  },
  {
    ...brightpath,
    id: '42',
    subject: 'Label printers in hall 3 are offline',
    description: 'All four since the firmware update of last night.',
    priority: 'urgent',
    companyId: 'acme',
    status: 'in_progress',
  },
  {
    ...brightpath,
    id: '43',
    subject: 'VPN drops every hour',
    description: 'Waiting for the log of the router at the site.',
    priority: 'high',
    companyId: 'acme',
    status: 'waiting',
  },
  {
    ...brightpath,
    id: '44',
    subject: 'Invoice of February shows the wrong project',
    description: '',
    priority: 'low',
    companyId: 'harbour',
    status: 'resolved',
  },
  {
    ...brightpath,
    id: '45',
    subject: 'Password reset mail never arrives',
    description: 'It was in the spam folder.',
    priority: 'normal',
    companyId: null,
    status: 'closed',
  },
  {
    ...kestrel,
    id: '51',
    subject: 'Backup job of the ward servers fails',
    description: 'Disk full on the target.',
    priority: 'high',
    companyId: 'meridian',
    status: 'open',
  },
];

/** The comments at the start. */
export const seededComments: readonly Comment[] = [
  {
    id: '42-1',
    ticketId: '42',
    author: { id: 'user-ben', email: 'ben@brightpath.example', roles: ['manager', 'agent'] },
    text: 'Rolled the firmware back on one of them; it prints again. Doing the other three at noon.',
    createdAt: '2025-03-11T09:15:00.000Z',
  },
];
