/** First safe release of each supported line. Older ones let requests be smuggled. @see CVE-2026-58044 */
const FIRST_SAFE: readonly (readonly [major: number, minor: number, patch: number])[] = [
  [22, 23, 2],
  [24, 18, 1],
  [26, 5, 1],
];

/**
 * Why this Node must not face the public, or undefined if it may: a release with known holes, or flags that open the parser.
 * @param version as `process.versions.node`
 * @param flags command-line flags of Node, from the command line and NODE_OPTIONS
 */
export function unsafeNode(version: string, flags: readonly string[]): string | undefined {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number);
  const safe = FIRST_SAFE.find(([line]) => line === major);
  const newest = FIRST_SAFE.at(-1)?.[0] ?? 0;
  const isSafe = safe === undefined ? major > newest : minor > safe[1] || (minor === safe[1] && patch >= safe[2]);
  const expected = FIRST_SAFE.map((release) => release.join('.')).join(', ');
  if (!isSafe) {
    return `Node ${version} has request-smuggling holes (CVE-2026-58044); expected ${expected} or a later release of these lines.`;
  }
  // NODE_OPTIONS may quote an option, and Node reads `_` in its name as `-`.
  if (flags.some((flag) => /^"?--insecure[-_]http[-_]parser/.test(flag))) {
    return 'Node was started with --insecure-http-parser, which lets requests be smuggled; start it without.';
  }
  return undefined;
}
