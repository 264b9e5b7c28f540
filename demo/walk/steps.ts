import { letMachineIn, suspendCustomer, useUpQuota } from './customers.ts';
import { goAround } from './go-around.ts';
import { watchTickets } from './live.ts';
import { askHealth, createTicket, listCompanies, logInAda } from './main-job.ts';
import { killTickets, reviveTickets } from './outage.ts';
import { askWhy, deleteWithoutRole, guessPasswords, sendNoToken } from './refusals.ts';
import { reloadInTraffic } from './reload.ts';
import type { Step } from './scene.ts';

/** The guided walk. */
export const steps: readonly Step[] = [
  {
    title: 'Is it up?',
    why: 'Load balancers ask this all day: without a token, and never limited.',
    run: askHealth,
  },
  {
    title: 'Log in',
    why: 'One of four paths that need no token. The auth service signs it, the gateway verifies it.',
    run: logInAda,
  },
  {
    title: 'List the companies',
    why: 'The main job: verify the token, count the request, tell the CRM who calls, pass the answer on.',
    run: listCompanies,
  },
  {
    title: 'Open a ticket and comment on it',
    why: 'Another service behind the same door. It is told who is calling, and need not verify tokens.',
    run: createTicket,
  },
  {
    title: 'Watch the tickets live',
    why: 'A WebSocket is let in like any request: token, limits, route. Then its frames pass both ways.',
    run: watchTickets,
  },
  {
    title: 'Come without a token',
    why: 'Refused at the door, with a reason that is the same word in body, header, log and metrics.',
    run: sendNoToken,
  },
  {
    title: 'Come with the wrong role',
    why: 'A good token, but gateway.yaml lets only admins and managers delete in the CRM.',
    run: deleteWithoutRole,
  },
  {
    title: 'Ask why',
    why: 'For 15 minutes, whoever was refused learns more by the request id. The operator does: `npx gateway explain`.',
    run: askWhy,
  },
  {
    title: 'Guess a password six times',
    why: 'An address may fail five times in 15 minutes, counted for all workers. Successes never count.',
    run: guessPasswords,
  },
  {
    title: 'Let a machine in, and out',
    why: 'Programs have API keys. The operator makes and ends them; every worker knows within a second.',
    run: letMachineIn,
  },
  {
    title: 'Use up a quota',
    why: 'A plan says what all people and programs of a customer may send. A better one holds at once.',
    run: useUpQuota,
  },
  {
    title: 'Suspend a customer',
    why: 'One command shuts out everybody of a tenant, whatever tokens they hold; another lets them in.',
    run: suspendCustomer,
  },
  {
    title: 'Go around the gateway',
    why: 'Past the gateway, a header can claim anything. What the gateway signs, nobody else can.',
    run: goAround,
  },
  {
    title: 'The tickets service dies',
    why: 'A dead service must not make everybody wait or harm its neighbours: its circuit breaker opens.',
    run: killTickets,
  },
  {
    title: 'The tickets service comes back',
    why: 'Each breaker half-opens after a while, lets one request try and closes again. Nobody must act.',
    run: reviveTickets,
  },
  {
    title: 'Reload under load',
    why: 'A new version or configuration goes live in the middle of traffic: `npm run pm2:reload`.',
    run: reloadInTraffic,
  },
];
