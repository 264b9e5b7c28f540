import { z } from 'zod';
import { type Operation, operation } from '../shared/operation.ts';
import type { Calls } from './call-counter.ts';
import { type FaultInjector, faultSchema } from './fault-injector.ts';

const faultState = z.object({ fault: faultSchema.nullable().describe('Null while healthy') });
const callsSchema = z.object({ total: z.int(), byRequest: z.record(z.string(), z.int()) });

interface ControlOptions {
  faults: Pick<FaultInjector, 'fault' | 'setFault'>;
  calls: () => Calls;
}

/** What the control listener answers: it makes the service fail on demand, and tells what the service has received. */
export function controlOperations({ faults, calls }: ControlOptions): Operation[] {
  return [
    operation({
      method: 'get',
      path: '/faults',
      summary: 'Tells the fault in force',
      success: { status: 200, description: 'The fault, or null', schema: faultState },
      handle: () => ({ fault: faults.fault() }),
    }),
    operation({
      method: 'put',
      path: '/faults',
      summary: 'Misbehaves like this from the next request on',
      body: faultSchema,
      success: { status: 200, description: 'The fault with its defaults', schema: faultState },
      handle: ({ body }) => {
        faults.setFault(body);
        return { fault: body };
      },
    }),
    operation({
      method: 'delete',
      path: '/faults',
      summary: 'Behaves well again',
      success: { status: 204, description: 'Healthy' },
      handle: () => faults.setFault(null),
    }),
    operation({
      method: 'get',
      path: '/calls',
      summary: 'Counts the requests that the service has received',
      success: { status: 200, description: 'The counts', schema: callsSchema },
      handle: calls,
    }),
  ];
}
