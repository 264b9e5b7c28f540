import cluster from 'node:cluster';

/** Runs `serve` here, or in as many workers as the environment says. Tells the parent once all of them listen. */
export function inWorkers(serve: (onListening: () => void) => void): void {
  const workers = Number(process.env.WORKERS);
  const sayReady = () => void process.send?.('ready');
  if (workers === 1) return serve(sayReady);
  if (cluster.isWorker) return serve(() => undefined);
  let missing = workers;
  cluster.on('listening', () => {
    missing--;
    if (missing === 0) sayReady();
  });
  for (let worker = 0; worker < workers; worker++) cluster.fork();
  process.on('SIGTERM', () => {
    for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill('SIGKILL');
    process.exit();
  });
}
