// Installs what is missing: npm packages always, Debian packages by name. Runs on Node 20, before anything is installed.
//   node scripts/set-up.mjs [--with-loadtest] [--with-bench] [--if-possible] [debian-package …]
import { spawnSync } from 'node:child_process';
import { existsSync, lstatSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const EXIT_UNAVAILABLE = 69;
const EXIT_INTERRUPTED = 130;
/** Where Debian puts programs for administrators; not on everybody's PATH. */
const SYSTEM_PROGRAMS = '/usr/sbin';
/** Debian starts a service as soon as it is installed, unless this says no. @see policy-rc.d(8) */
const POLICY = '/usr/sbin/policy-rc.d';
/** Without a network apt would try each mirror for minutes. */
const APT_PATIENCE = ['Retries=1', 'http::Timeout=15', 'https::Timeout=15'].flatMap((text) => [
  '-o',
  `Acquire::${text}`,
]);

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const packages = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
const isOptional = process.argv.includes('--if-possible');
const isLoadtestWanted = process.argv.includes('--with-loadtest');
const isBenchWanted = process.argv.includes('--with-bench');

// Ctrl+C ends the program that is running, and then, once what it needed is removed again, this one.
process.on('SIGINT', () => process.exit(EXIT_INTERRUPTED));

installNpmPackages(root);
requireNode();
// The load generator has packages of its own, which nobody else needs.
if (isLoadtestWanted) installNpmPackages(join(root, 'loadtest'));
// So have the gateway's peers, and what draws the plots.
if (isBenchWanted) installNpmPackages(join(root, 'bench'));
await signalsToArrive();
// Each of these packages is named after its program.
const missing = packages.filter((name) => !isOnPath(name));
if (missing.length > 0 && !installDebianPackages(missing)) {
  await signalsToArrive();
  const message = `${missing.join(', ')} is missing and could not be installed`;
  if (!isOptional) fail(`${message}. Install it with your package manager and try again.`);
  console.log(`• ${message}; going on without.`);
}

function installNpmPackages(folder) {
  const packages = join(folder, 'node_modules');
  const installed = join(packages, '.package-lock.json');
  const isFresh =
    existsSync(installed) && statSync(installed).mtimeMs >= statSync(join(folder, 'package-lock.json')).mtimeMs;
  const name = relative(root, packages);
  if (!isFresh && isLink(packages)) {
    // `npm ci` begins by emptying the folder, which here is another checkout's.
    console.log(`• ${name} is a link: left as it is`);
  } else if (!isFresh) {
    console.log(`• installing npm packages into ${name}`);
    // No install script runs: what a package does at install time is code that nobody reads. @see docs/adr/0005-runtime-and-tools.md
    run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], folder);
  }
}

function requireNode() {
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
  if (mayWritePolicy) writeFileSync(POLICY, policyWhileRunning(process.pid), { mode: 0o755 });
  try {
    const apt = (...args) => {
      const options = ['-qq', ...APT_PATIENCE];
      const [command, ...rest] = [...sudo, 'env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', ...options, ...args];
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

/** Forbids starting services, and stops doing so, and existing, should this process have been killed before it could tidy up. */
function policyWhileRunning(pid) {
  return `#!/bin/sh\nkill -0 ${pid} 2>/dev/null && exit 101\nrm -f ${POLICY}\nexit 0\n`;
}

function isLink(path) {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
}

/** Programs are waited for without a look at signals. */
function signalsToArrive() {
  return new Promise((resolve) => setTimeout(resolve, 10));
}

function isOnPath(program) {
  const folders = [...(process.env.PATH ?? '').split(':'), SYSTEM_PROGRAMS];
  return folders.some((folder) => existsSync(join(folder, program)));
}

function run(command, args, cwd) {
  const { status, error } = spawnSync(command, args, { cwd, stdio: 'inherit' });
  if (status !== 0) fail(`${command} ${args.join(' ')} failed${error ? `: ${error.message}` : ''}`);
}

function fail(message) {
  console.error(message);
  process.exit(EXIT_UNAVAILABLE);
}
