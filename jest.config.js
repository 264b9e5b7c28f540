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
  ...['concurrency-limit', 'operator-command'],
]
  .map((name) => `integration/${name}`)
  .concat(['system/loadtest', 'system/metrics', 'system/nginx'])
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
  testTimeout: 30_000,
  // Most tests wait for real time to pass.
  maxWorkers: 2,
  // Each file leaves its modules behind.
  workerIdleMemoryLimit: '400MB',
};
