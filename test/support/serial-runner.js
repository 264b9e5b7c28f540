import { createRequire } from 'node:module';

// jest-runner is CommonJS with a default export.
const { default: TestRunner } = createRequire(import.meta.url)('jest-runner');

/** Runs one test file at a time, after the files of all other runners: for tests that want the machine for themselves. */
export default class SerialRunner extends TestRunner {
  isSerial = true;
}
