// The import rule of ARCHITECTURE.md, as a check.
const features = [
  ...['api-keys', 'audit', 'auth', 'browser', 'docs', 'explain', 'health', 'observe', 'rate-limit', 'revocation'],
  ...['route', 'tenants', 'upstream', 'websocket'],
];

module.exports = {
  forbidden: [
    {
      name: 'no-circles',
      comment: 'Modules that need each other are one module.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'features-never-each-other',
      comment: 'What a feature needs of a neighbour is a parameter, joined in app.ts.',
      severity: 'error',
      from: { path: `^src/(${features.join('|')})/` },
      to: {
        path: '^src/',
        pathNot: ['^src/$1/', '^src/(context\\.ts|own-headers\\.ts|problem/|shared-state/|config/schema\\.ts)'],
      },
    },
    {
      name: 'config-by-type-only',
      comment: 'A feature knows the shape of its settings; reading them is the business of main.',
      severity: 'error',
      from: { path: `^src/(${features.join('|')}|problem|redis|process)/` },
      to: { path: '^src/config/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'problem-is-a-leaf',
      comment: 'Everybody throws problems, so problem/ may know the context and nobody else.',
      severity: 'error',
      from: { path: '^src/problem/' },
      to: { path: '^src/', pathNot: ['^src/problem/', '^src/context\\.ts'] },
    },
    {
      name: 'shared-state-is-a-leaf',
      comment: 'Features keep records with it, so it may know none of them.',
      severity: 'error',
      from: { path: '^src/shared-state/' },
      to: { path: '^src/', pathNot: '^src/shared-state/' },
    },
    {
      name: 'config-is-a-leaf',
      severity: 'error',
      from: { path: '^src/config/' },
      to: { path: '^src/', pathNot: '^src/config/' },
    },
    {
      name: 'app-is-joined-by-the-process',
      comment: 'Only the start knows the pipeline as a whole.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(main|start-worker)\\.ts' },
      to: { path: '^src/app\\.ts' },
    },
    {
      name: 'assembly-is-part-of-the-pipeline',
      comment: 'It joins features, as app.ts does, and is the place where they meet.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(app\\.ts|assembly/)' },
      to: { path: '^src/assembly/' },
    },
    {
      name: 'one-adapter-per-library',
      comment: 'So that a library can be replaced by replacing one file.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/upstream/(forward|with-breaker)\\.ts' },
      to: { path: 'node_modules/(http-proxy-middleware|opossum)/' },
    },
    {
      name: 'one-adapter-for-tokens',
      comment:
        'Two libraries, and one file each that decides what is asked of them. The command makes and shows tokens; it judges none.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(auth/(public-keys|verify-token)\\.ts|cli/)' },
      to: { path: 'node_modules/(jose|jsonwebtoken)/' },
    },
    {
      name: 'no-unresolved',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'only-production-dependencies',
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev'] },
    },
  ],
  options: {
    parser: 'swc',
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: {
      extensions: ['.ts', '.js'],
      exportsFields: ['exports'],
      conditionNames: ['import', 'node'],
    },
  },
};
