import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { audience, issuer, secret } from './gateway.ts';

const main = resolve(import.meta.dirname, '../../dist/cli/main.js');

/** What a command said, and how it ended. */
export interface Said {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** What stdout says with `--json`. */
  json<T = Record<string, unknown>>(): T;
}

/** The operator's command as it is shipped, in a folder with a configuration. */
export interface OperatorCommand {
  readonly folder: string;
  /** Runs `gateway <args>` in a process of its own, its output piped. */
  run(args: readonly string[], options?: { env?: Record<string, string>; input?: string }): Promise<Said>;
  /** Starts one that goes on until it is told to stop. */
  start(args: readonly string[]): {
    output(): string;
    errors(): string;
    /** Settles when it has ended, by itself or because it was stopped. */
    readonly ended: Promise<number | null>;
    stop(): Promise<number | null>;
  };
  close(): Promise<void>;
}

/** Prepares to run it against a Redis. */
export async function operatorCommand({
  redisPort,
  file,
}: {
  redisPort: number;
  /** Text of `gateway.yaml`. */
  file: string;
}): Promise<OperatorCommand> {
  const folder = await mkdtemp(join(tmpdir(), 'psa-operator-'));
  await writeFile(join(folder, 'gateway.yaml'), file);
  const spawned = (args: readonly string[], env: Record<string, string> = {}) =>
    spawn(process.execPath, [main, ...args], {
      cwd: folder,
      env: {
        REDIS_HOST: '127.0.0.1',
        REDIS_PORT: String(redisPort),
        JWT_SECRET: secret,
        JWT_ISSUER: issuer,
        JWT_AUDIENCE: audience,
        ...env,
      },
    });
  return {
    folder,
    async run(args, { env, input = '' } = {}) {
      const child = spawned(args, env);
      // One that does not read its input is not there to take it.
      child.stdin.on('error', () => undefined).end(input);
      const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
      return { code: child.exitCode, stdout, stderr, json: <T>() => JSON.parse(stdout) as T };
    },
    start(args) {
      const child = spawned(args);
      let output = '';
      let errors = '';
      child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
        output += chunk;
      });
      child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
        errors += chunk;
      });
      const ended = once(child, 'close').then(() => child.exitCode);
      return {
        output: () => output,
        errors: () => errors,
        ended,
        stop() {
          child.kill('SIGINT');
          return ended;
        },
      };
    },
    close: () => rm(folder, { recursive: true, force: true }),
  };
}
