const project = (name) => ({
  displayName: name,
  rootDir: import.meta.dirname,
  testMatch: [`<rootDir>/test/${name}/**/*.test.ts`],
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '\\.ts$': '<rootDir>/test/support/strip-types.js' },
});

export default {
  projects: ['unit', 'integration', 'system'].map(project),
  reporters: ['default', '<rootDir>/test/support/count-reporter.js'],
  testTimeout: 30_000,
  // One file at a time: most tests start servers of their own, and deadlines and limits are only exact on a machine that keeps up.
  maxWorkers: 1,
};
