const project = (name, options) => ({
  displayName: name,
  rootDir: import.meta.dirname,
  testMatch: [`<rootDir>/test/${name}/**/*.test.ts`],
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '\\.ts$': '<rootDir>/test/support/strip-types.js' },
  ...options,
});

export default {
  projects: [
    project('unit'),
    project('integration'),
    // PM2, nginx, Chromium and a load generator at a time are enough for a machine.
    project('system', { runner: '<rootDir>/test/support/serial-runner.js' }),
  ],
  reporters: ['default', '<rootDir>/test/support/count-reporter.js'],
  testTimeout: 30_000,
  // Two files at a time: most tests wait for real time to pass, but deadlines and limits are only exact on a machine that keeps up.
  maxWorkers: 2,
};
