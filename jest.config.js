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
const EXACT = [
  'rate-limit',
  'redis-faults',
  'redis-faults-of-a-worker',
  'login-failures',
  'operator-command',
  'logins-by-account',
  'overload',
  'concurrency-limit',
];

export default {
  projects: [
    project('unit'),
    project('integration', { testPathIgnorePatterns: EXACT.map((name) => `/integration/${name}\\.test\\.ts$`) }),
    // One file at a time, after all others: PM2, nginx, Chromium and a load generator are enough for a machine.
    project('system', {
      testMatch: ['system/**/*', ...EXACT.map((name) => `integration/${name}`)].map(
        (path) => `<rootDir>/test/${path}.test.ts`,
      ),
      runner: '<rootDir>/test/support/serial-runner.js',
    }),
  ],
  reporters: ['default', '<rootDir>/test/support/count-reporter.js'],
  testTimeout: 30_000,
  // Most tests wait for real time to pass.
  maxWorkers: 2,
  // Each file leaves its modules behind.
  workerIdleMemoryLimit: '400MB',
};
