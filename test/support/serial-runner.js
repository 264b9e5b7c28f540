import { createRequire } from 'node:module';

// jest-runner is CommonJS with a default export.
const { default: TestRunner } = createRequire(import.meta.url)('jest-runner');

/** What the modules of past files may hold. Beyond, collecting garbage takes longer than the tests. */
const MAX_IDLE_BYTES = 400 * 1024 * 1024;

/**
 * Runs one test file at a time, after the files of all other runners: for tests that want the machine for themselves. In
 * a process of its own, which is replaced when it has grown.
 */
export default class SerialRunner extends TestRunner {
  isSerial = true;

  constructor(globalConfig, context) {
    super({ ...globalConfig, maxWorkers: 1, workerIdleMemoryLimit: MAX_IDLE_BYTES }, context);
  }

  runTests(tests, watcher, options) {
    return super.runTests(tests, watcher, { ...options, serial: false });
  }
}
