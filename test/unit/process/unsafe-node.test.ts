import { describe, expect, it } from '@jest/globals';
import { unsafeNode } from '../../../src/process/unsafe-node.ts';

describe('unsafeNode', () => {
  it.each([
    '18.20.8',
    '20.20.2',
    '21.7.3',
    '22.23.1',
    '22.9.9',
    '23.11.1',
    '24.18.0',
    '24.9.9',
    '25.9.0',
    '26.5.0',
    '26.0.0',
    '22.23.2-rc.1',
    'x',
  ])('refuses Node %s and says which releases would do', (version) => {
    const refusal = unsafeNode(version, []);
    expect(refusal).toContain(version);
    expect(refusal).toContain('22.23.2, 24.18.1, 26.5.1');
  });

  it.each(['22.23.2', '22.24.0', '24.18.1', '24.19.0', '24.21.0', '26.5.1', '26.6.0', '27.0.0', '28.1.0'])(
    'takes Node %s',
    (version) => {
      expect(unsafeNode(version, ['--enable-source-maps'])).toBeUndefined();
    },
  );

  it.each(['--insecure-http-parser', '--insecure_http_parser', '"--insecure-http-parser"'])(
    'refuses a safe Node with %s',
    (flag) => {
      expect(unsafeNode('24.21.0', ['--enable-source-maps', flag])).toContain('--insecure-http-parser');
    },
  );

  it('takes a flag that keeps the parser strict', () => {
    expect(unsafeNode('24.21.0', ['--no-insecure-http-parser'])).toBeUndefined();
  });
});
