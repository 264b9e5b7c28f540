import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { parseEnv } from 'node:util';

const folder = import.meta.dirname;
const envFile = join(folder, '.env');
const env = { ...(existsSync(envFile) ? parseEnv(readFileSync(envFile, 'utf8')) : {}), ...process.env };

const instances = env.PM2_INSTANCES === 'max' ? availableParallelism() : Number(env.PM2_INSTANCES || 2);
const logDir = resolve(folder, env.LOG_DIR || 'logs');

export const apps = [
  {
    name: 'psa-api-gateway',
    script: 'dist/main.js',
    cwd: folder,
    exec_mode: 'cluster',
    instances,

    // A worker counts as up when it says so, which is when it can serve.
    wait_ready: true,
    // Longer than a start with an absent Redis takes (2 s).
    listen_timeout: 15_000,
    // Longer than the gateway's own end takes (SHUTDOWN_GRACE_MS and 3 s), or PM2 would kill it in the middle.
    kill_timeout: Number(env.SHUTDOWN_GRACE_MS || 10_000) + 5_000,

    max_memory_restart: '500M',
    // A crash loop slows down to one start in 15 s instead of burning a core.
    exp_backoff_restart_delay: 100,
    // 64: the configuration is wrong. Another start would find it so again.
    stop_exit_codes: [64],

    // What is printed before the gateway's own log files are open, and what PM2 says. The rest is in access.log and others.
    merge_logs: true,
    out_file: join(logDir, 'pm2-out.log'),
    error_file: join(logDir, 'pm2-error.log'),

    // The workers' shares of the limits while Redis is away depend on it.
    env: { NODE_ENV: 'production', PM2_INSTANCES: String(instances) },
    env_development: { NODE_ENV: 'development', PM2_INSTANCES: String(instances) },
  },
];
