// A service that works on 20 requests at a time, 50 ms each: 400 per second, and no more. A process of its own.
import { busyUpstream } from '../../test/support/busy-upstream.ts';

const { port } = await busyUpstream({ parallel: 20, workMs: 50, port: Number(process.env.PORT) });
process.on('SIGTERM', () => process.exit());
process.send?.(`ready on ${port}`);
