const project = (name, options) => ({
  displayName: name,
  rootDir: import.meta.dirname,
  testMatch: [`<rootDir>/test/${name}/**/*.test.ts`],
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '\\.ts$': '<rootDir>/test/support/strip-types.js' },
  ...options,
});

/** What counts exactly, or by the clock, needs a machine that keeps up. */
const ALONE = [
  ...['rate-limit', 'redis-faults', 'redis-faults-of-a-worker', 'login-failures', 'logins-by-account', 'overload'],
  ...['redis-topologies', 'concurrency-limit'],
]
  .map((name) => `integration/${name}`)
  .concat(['system/loadtest', 'system/nginx'])
  .map((path) => `<rootDir>/test/${path}.test.ts`);

export default {
  projects: [
    project('unit'),
    project('integration', {
      testMatch: ['integration', 'system'].map((folder) => `<rootDir>/test/${folder}/**/*.test.ts`),
      testPathIgnorePatterns: ALONE.map((path) => `${path.replaceAll('.', '\\.')}$`),
    }),
    // One file at a time, after all others.
    project('alone', { testMatch: ALONE, runner: '<rootDir>/test/support/serial-runner.js' }),
  ],
  reporters: ['default', '<rootDir>/test/support/count-reporter.js'],
  // Far more than a test takes by itself: a machine that is busy with something else must not fail it.
  testTimeout: 60_000,
  testSequencer: '<rootDir>/test/support/longest-first.js',
  // As many as a small machine of a CI has processors. With more, what is promised by the clock is the machine's to break.
  maxWorkers: 2,
  // Each file leaves its modules behind.
  workerIdleMemoryLimit: '400MB',
};
