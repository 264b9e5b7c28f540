import type { Printer } from './print.ts';
import { OPEN_SECONDS, type Stage } from './stage/open-stage.ts';

/** Says what has been started, and what of it is not as shipped. */
export function introduce(stage: Stage, print: Printer): void {
  const { redis, services, url, folder } = stage;
  print.say('Everything runs on free ports of this machine, and is removed after the walk:');
  print.fact('gateway', url, 'two workers under PM2, which has a home of its own');
  for (const [name, { port, pid }] of Object.entries(services)) {
    print.fact(name, `http://127.0.0.1:${port}`, `pid ${pid}`, 'a sample service');
  }
  if (redis) print.fact('redis', `127.0.0.1:${redis.port}`, `pid ${redis.pid}`, 'counts the limits for all workers');
  else print.fact('redis', 'none: it is not installed here.', 'Limits are counted in each worker, at its share.');
  print.fact('folder', folder, 'logs, PM2 and the copy of gateway.yaml');
  print.say(
    `ecosystem.config.js and gateway.yaml are the shipped ones, with three changes: the breaker of tickets stays open for ${OPEN_SECONDS} s instead of 30, so that you need not wait; there are plans for customers; and the services are told who calls in a signed form.`,
  );
}
