// Installs what is missing: npm packages always, Debian packages by name. Runs on Node 20, before anything is installed.
//   node scripts/set-up.mjs [--if-possible] [debian-package …]
import { spawnSync } from 'node:child_process';
import { existsSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const EXIT_UNAVAILABLE = 69;
/** The program that tells whether a package is there. */
const PROGRAMS = { 'redis-server': 'redis-server', nginx: 'nginx', chromium: 'chromium' };
/** Debian starts a service as soon as it is installed, unless this says no. @see policy-rc.d(8) */
const POLICY = '/usr/sbin/policy-rc.d';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const packages = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
const isOptional = process.argv.includes('--if-possible');

installNpmPackages();
const missing = packages.filter((name) => !isOnPath(PROGRAMS[name] ?? name));
if (missing.length > 0 && !installDebianPackages(missing)) {
  const message = `${missing.join(', ')} is missing and could not be installed`;
  if (!isOptional) fail(`${message}. Install it with your package manager and try again.`);
  console.log(`• ${message}; going on without.`);
}

function installNpmPackages() {
  const installed = join(root, 'node_modules', '.package-lock.json');
  const isFresh =
    existsSync(installed) && statSync(installed).mtimeMs >= statSync(join(root, 'package-lock.json')).mtimeMs;
  if (!isFresh) {
    console.log('• installing npm packages');
    // No install script runs: what a package does at install time is code that nobody reads. @see docs/adr/0005-runtime-and-tools.md
    run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']);
  }
  const pinned = join(root, 'node_modules', '.bin', 'node');
  const major = Number(process.versions.node.split('.')[0]);
  if (!existsSync(pinned) && major < 22) {
    fail(
      `Node ${process.versions.node} is too old, and no pinned Node exists for ${process.platform}-${process.arch}. Install Node 24.18.1 or later.`,
    );
  }
}

/** Whether they could be installed. */
function installDebianPackages(names) {
  if (!isOnPath('apt-get')) return false;
  const sudo = process.getuid?.() === 0 ? [] : ['sudo', '--non-interactive'];
  if (sudo.length > 0 && !isOnPath('sudo')) return false;
  console.log(`• installing ${names.join(', ')} from Debian's packages`);
  const mayWritePolicy = sudo.length === 0 && !existsSync(POLICY);
  if (mayWritePolicy) writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    const apt = (...args) => {
      const [command, ...rest] = [...sudo, 'env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-qq', ...args];
      return spawnSync(command, rest, { stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' });
    };
    apt('update');
    const { status, stderr } = apt('install', '-y', '--no-install-recommends', ...names);
    if (status !== 0) console.log(stderr.trim());
    return status === 0;
  } finally {
    if (mayWritePolicy) rmSync(POLICY, { force: true });
  }
}

function isOnPath(program) {
  return (process.env.PATH ?? '').split(':').some((folder) => existsSync(join(folder, program)));
}

function run(command, args) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
  if (status !== 0) fail(`${command} ${args.join(' ')} failed${error ? `: ${error.message}` : ''}`);
}

function fail(message) {
  console.error(message);
  process.exit(EXIT_UNAVAILABLE);
}
