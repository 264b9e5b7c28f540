import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Pm2Gateway, startPm2Gateway } from '../../test/support/pm2-gateway.ts';
import { processTree } from '../measure/process-account.ts';
import { atExit } from './at-exit.ts';

/** Two workers under PM2, which don't outlive this process. */
export interface GuardedPm2Gateway extends Pm2Gateway {
  /** Of PM2, which has started the workers. */
  readonly pid: number;
}

/** Starts two workers under PM2, as they are shipped. */
export async function startGuardedPm2Gateway(env: Record<string, string>): Promise<GuardedPm2Gateway> {
  const gateway = await startPm2Gateway(env);
  const home = join(gateway.folder, '..');
  const pid = Number(readFileSync(join(home, 'pm2.pid'), 'utf8'));
  const forget = atExit(() => {
    // PM2 runs detached, and starts workers again: it goes first.
    for (const one of processTree(pid)) process.kill(one, 'SIGKILL');
    rmSync(home, { recursive: true, force: true });
  });
  const stop = async () => {
    forget();
    await gateway.stop();
  };
  return { ...gateway, pid, stop };
}
