import { readFileSync } from 'node:fs';

/**
 * The processes between a script and whoever typed `npm run`: npm, the shell that npm uses for its scripts, perhaps a
 * second pair of them. Innermost first and ending with an npm; none where there is no /proc, or no npm.
 */
export function launchers(parent: number, read: (pid: number, file: string) => string = readProc): number[] {
  const found: number[] = [];
  let outermostNpm = 0;
  try {
    for (let pid = parent; pid > 1; pid = parentOf(read(pid, 'stat'))) {
      const command = read(pid, 'cmdline').replaceAll('\0', ' ');
      if (!isNpm(command) && !isScriptShell(command)) break;
      found.push(pid);
      if (isNpm(command)) outermostNpm = found.length;
    }
  } catch {
    // No /proc here, or a process that ended meanwhile: what was found so far is what there is to watch.
  }
  // A shell above the outermost npm is the user's own, and may end whenever it likes.
  return found.slice(0, outermostNpm);
}

/** npm sets its title to what it runs. */
function isNpm(command: string): boolean {
  return command.startsWith('npm ');
}

function isScriptShell(command: string): boolean {
  return /^\S*sh -c /.test(command);
}

/** The name in the second field may hold anything, parentheses too. @see proc_pid_stat(5) */
function parentOf(stat: string): number {
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
}

function readProc(pid: number, file: string): string {
  return readFileSync(`/proc/${pid}/${file}`, 'utf8');
}
