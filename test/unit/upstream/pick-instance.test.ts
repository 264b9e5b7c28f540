import { describe, expect, it } from '@jest/globals';
import { type Balancing, type Candidate, picker } from '../../../src/upstream/pick-instance.ts';

interface Named extends Candidate {
  readonly name: string;
}

const named = (name: string, share = 1, underWay = 0): Named => ({
  name,
  share: () => share,
  underWay: () => underWay,
});

type Candidates = readonly [Named, ...Named[]];

/** The names of so many choices among the same candidates. */
function choices(balancing: Balancing, count: number, candidates: Candidates, random: () => number = Math.random) {
  const pick = picker(balancing, random);
  return Array.from({ length: count }, () => pick(candidates).name);
}

/** Deals these numbers out, again and again. */
function dealing(...numbers: number[]): () => number {
  let next = 0;
  return () => numbers[next++ % numbers.length] ?? 0;
}

const countOf = (names: string[], name: string) => names.filter((other) => other === name).length;

describe('round robin', () => {
  it('takes turns', () => {
    const names = choices('round-robin', 6, [named('a'), named('b'), named('c')]);
    expect(names.join('')).toBe('abcabc');
  });

  it('mixes weights of 2 and 1 as A B A', () => {
    expect(choices('round-robin', 6, [named('a', 2), named('b')]).join('')).toBe('abaaba');
  });

  it('gives each exactly its weight in each round, spread over it', () => {
    const names = choices('round-robin', 14, [named('a', 5), named('b', 1), named('c', 1)]);
    expect(names.join('')).toBe('aabacaaaabacaa');
  });

  it('makes up for nothing when one comes back that was out', () => {
    const pick = picker('round-robin', Math.random);
    const [a, b, c] = [named('a'), named('b'), named('c')];
    const names = (count: number, candidates: Candidates) => Array.from({ length: count }, () => pick(candidates).name);
    names(1, [a, b, c]);
    const without = names(100, [a, c]);
    expect(Math.abs(countOf(without, 'a') - countOf(without, 'c'))).toBeLessThanOrEqual(2);
    expect(countOf(names(30, [a, b, c]), 'b')).toBeLessThanOrEqual(11);
  });

  it('gives an instance in its slow start the part of its weight that counts', () => {
    const names = choices('round-robin', 110, [named('old'), named('new', 0.1)]);
    expect(countOf(names, 'new')).toBe(10);
  });
});

describe('least connections', () => {
  it('chooses the one with the fewest requests under way', () => {
    expect(choices('least-connections', 2, [named('a', 1, 3), named('b', 1, 2), named('c', 1, 9)])).toEqual(['b', 'b']);
  });

  it('measures them by the weight', () => {
    // 5 of 4 is busier than 1 of 1 would be, and 4 of 4 less busy than 2 of 1.
    expect(choices('least-connections', 1, [named('heavy', 4, 8), named('light', 1, 1)])).toEqual(['light']);
    expect(choices('least-connections', 1, [named('heavy', 4, 4), named('light', 1, 1)])).toEqual(['heavy']);
  });

  it('takes turns between equals', () => {
    expect(choices('least-connections', 4, [named('a'), named('b'), named('c', 1, 1)]).join('')).toBe('abab');
  });

  it('finds the least busy one while its share is growing', () => {
    let share = 0.5;
    const growing: Named = {
      name: 'new',
      underWay: () => 0,
      share: () => {
        share += 1e-6;
        return share;
      },
    };
    expect(choices('least-connections', 3, [named('old', 1, 50), growing])).toEqual(['new', 'new', 'new']);
  });
});

describe('power of two choices', () => {
  const three: Candidates = [named('a', 1, 5), named('b', 1, 3), named('c', 1, 1)];

  it.each([
    // The first number draws one of all, the second one of the others, counted from behind the first.
    [0, 0, 'b'],
    [0, 0.99, 'c'],
    [0.4, 0, 'c'],
    [0.4, 0.99, 'b'],
    [0.99, 0, 'c'],
    [0.99, 0.99, 'c'],
  ])('chooses the less busy of two that are drawn by lot (%p, %p: %s)', (first, second, name) => {
    expect(choices('power-of-two-choices', 1, three, dealing(first, second))).toEqual([name]);
  });

  it('never draws the same one twice, so the busiest of all is never chosen', () => {
    const numbers = Array.from({ length: 100 }, (_, index) => index / 100);
    const names = numbers.flatMap((first) =>
      numbers.map((second) => choices('power-of-two-choices', 1, three, dealing(first, second))[0] ?? ''),
    );
    expect(countOf(names, 'a')).toBe(0);
    expect(countOf(names, 'c')).toBeGreaterThan(countOf(names, 'b'));
  });

  it('measures requests under way by the weight', () => {
    const pair: Candidates = [named('heavy', 4, 4), named('light', 1, 1)];
    expect(choices('power-of-two-choices', 1, pair, dealing(0))).toEqual(['heavy']);
    expect(choices('power-of-two-choices', 1, pair, dealing(0.6, 0))).toEqual(['heavy']);
  });
});
