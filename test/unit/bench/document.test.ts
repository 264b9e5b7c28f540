import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { sectionsOf, withSections } from '../../../bench/report/document.ts';

const nothingMeasured = { commit: 'abc1234', node: '24', processor: 'any', cores: 2 };
const sections = sectionsOf([{ result: nothingMeasured, pictures: ['cpu'] }]);
const place = (name: string, text: string) => `<!-- figures: ${name} -->\n\n${text}\n\n<!-- end of figures -->`;

describe('withSections', () => {
  it('replaces what stands between the comments, and nothing else', () => {
    const document = `before\n${place('a', 'old a')}\nbetween\n${place('b', 'old b')}\nafter`;
    const renewed = withSections(document, [
      { name: 'b', text: 'new b' },
      { name: 'a', text: 'new a' },
    ]);
    expect(renewed).toBe(`before\n${place('a', 'new a')}\nbetween\n${place('b', 'new b')}\nafter`);
  });

  it('refuses a document that has no place for a section', () => {
    expect(() => withSections('nothing', [{ name: 'a', text: '' }])).toThrow('no place for a');
  });
});

describe('sectionsOf', () => {
  it('shows the pictures that there are', () => {
    const textOf = (name: string) => sections.find((section) => section.name === name)?.text;
    expect(textOf('picture-cpu')).toBe('![CPU per request](../bench/results/abc1234-cpu.svg)');
    expect(textOf('picture-flame')).toBe('Not measured for this commit.');
  });

  it('takes each part from the last commit that has it', () => {
    const profile = { seconds: 1, requests: 1, microsecondsPerRequest: 1, shares: [] };
    const [machine, ...others] = sectionsOf([
      { result: { ...nothingMeasured, profile }, pictures: ['cpu', 'flame'] },
      { result: { ...nothingMeasured, commit: 'def5678' }, pictures: ['cpu'] },
    ]);
    expect(machine?.text).toContain('Commit `abc1234` (profile)');
    const textOf = (name: string) => others.find((section) => section.name === name)?.text;
    expect([textOf('picture-cpu'), textOf('picture-flame')]).toEqual([
      '![CPU per request](../bench/results/def5678-cpu.svg)',
      '![Flame graph](../bench/results/abc1234-flame.svg)',
    ]);
  });

  it('fits docs/performance.md: each section has its place, each place its section', () => {
    const document = readFileSync(join(import.meta.dirname, '../../../docs/performance.md'), 'utf8');
    const places = [...document.matchAll(/<!-- figures: ([\w-]+) -->/g)].map(([, name]) => name);
    expect(new Set(places)).toEqual(new Set(sections.map(({ name }) => name)));
    expect(places).toHaveLength(sections.length);
  });
});
