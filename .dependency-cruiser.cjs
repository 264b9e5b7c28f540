module.exports = {
  forbidden: [{ name: 'test', severity: 'error', from: { path: '^src/main' }, to: { path: '^src/b' } }],
  options: {
    parser: 'swc',
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { extensions: ['.ts', '.js'] },
    doNotFollow: { path: 'node_modules' },
  },
};
