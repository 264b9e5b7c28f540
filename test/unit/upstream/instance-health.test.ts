import { describe, expect, it } from '@jest/globals';
import { InstanceHealth, type InstanceState } from '../../../src/upstream/instance-health.ts';
import { upstreamSettings } from '../../support/upstream-settings.ts';

interface Situation {
  readonly settings?: Record<string, unknown>;
  readonly mayEject?: () => boolean;
}

/** One instance, a clock that stands still until it is moved, and what was told of its changes. */
function instance({ settings = {}, mayEject = () => true }: Situation = {}) {
  let now = 1_000_000;
  const told: InstanceState[] = [];
  const health = new InstanceHealth({
    settings: upstreamSettings(settings),
    clock: () => now,
    mayEject,
    onChange: (state) => told.push(state),
  });
  return {
    health,
    told,
    wait(ms: number) {
      now += ms;
    },
    fail(count: number) {
      for (let n = 0; n < count; n++) health.record('failure');
    },
    /** How long it is left out when it fails on. */
    ejectedFor(): number | undefined {
      for (let n = 0; n < 5; n++) health.record('failure');
      return health.ejectedForMs;
    },
  };
}

describe('ejection', () => {
  it('comes with the fifth failure in a row', () => {
    const { health, told, fail } = instance();
    fail(4);
    expect(health.state).toBe('healthy');
    fail(1);
    expect(health.state).toBe('ejected');
    expect(told).toEqual(['ejected']);
    expect(health.ejections).toBe(1);
  });

  it('begins to count anew with each success, and not with what says nothing', () => {
    const { health, fail } = instance();
    fail(4);
    health.record('ignored');
    fail(1);
    expect(health.state).toBe('ejected');
    const other = instance();
    other.fail(4);
    other.health.record('success');
    other.fail(4);
    expect(other.health.state).toBe('healthy');
  });

  it('ends by itself, and says so with the first success', () => {
    const { health, told, fail, wait } = instance();
    fail(5);
    wait(9999);
    expect(health.state).toBe('ejected');
    expect(health.ejectedForMs).toBe(1);
    wait(1);
    expect(health.state).toBe('healthy');
    expect(health.ejectedForMs).toBeUndefined();
    fail(1);
    expect(told).toEqual(['ejected']);
    health.record('success');
    health.record('success');
    expect(told).toEqual(['ejected', 'healthy']);
  });

  it('takes twice as long each time it comes again soon, up to its longest', () => {
    const { ejectedFor, wait } = instance({ settings: { ejection: { maxEjectMs: 60_000 } } });
    const times = Array.from({ length: 6 }, () => {
      const ms = ejectedFor() ?? 0;
      wait(ms + 1000);
      return ms;
    });
    expect(times).toEqual([10_000, 20_000, 40_000, 60_000, 60_000, 60_000]);
  });

  it('begins with the shortest again when it was in use for longer than it was last left out', () => {
    const { ejectedFor, wait, health } = instance();
    expect(ejectedFor()).toBe(10_000);
    wait(10_000 + 10_000);
    expect(ejectedFor()).toBe(20_000);
    wait(20_000 + 20_001);
    expect(ejectedFor()).toBe(10_000);
    expect(health.ejections).toBe(3);
  });

  it('waits while no more may be ejected, and comes with the next failure when one may', () => {
    let may = false;
    const { health, fail } = instance({ mayEject: () => may });
    fail(20);
    expect(health.state).toBe('healthy');
    may = true;
    fail(1);
    expect(health.state).toBe('ejected');
  });

  it('is not prolonged or ended by what was under way when it began', () => {
    const { health, fail, wait } = instance();
    fail(5);
    fail(50);
    health.record('success');
    for (let n = 0; n < 50; n++) health.recordEnd(false);
    expect(health.ejectedForMs).toBe(10_000);
    wait(10_000);
    fail(4);
    expect(health.state).toBe('healthy');
  });

  it('comes with the fifth answer in a row that breaks off after its head, each of which looked like a success', () => {
    const { health } = instance();
    const brokenAnswer = () => {
      health.record('success');
      health.recordEnd(false);
    };
    for (let n = 0; n < 4; n++) brokenAnswer();
    health.recordEnd(true);
    for (let n = 0; n < 4; n++) brokenAnswer();
    expect(health.state).toBe('healthy');
    brokenAnswer();
    expect(health.state).toBe('ejected');
  });
});

const checks = { path: '/health', healthyThreshold: 2, unhealthyThreshold: 3 };

describe('checks', () => {
  const checked = (...results: boolean[]) => {
    const one = instance({ settings: { healthCheck: checks } });
    for (const isGood of results) one.health.checked(isGood);
    return one;
  };

  it.each<[string, boolean[], InstanceState]>([
    ['a good one changes nothing', [true], 'healthy'],
    ['two bad ones are not enough, not even the first two', [false, false], 'healthy'],
    ['three bad ones in a row take it out', [true, false, false, false], 'unhealthy'],
    ['a good one between them begins anew', [false, false, true, false, false], 'healthy'],
    ['one good one is not enough to come back', [false, false, false, true], 'unhealthy'],
    ['two good ones in a row bring it back', [false, false, false, true, true], 'healthy'],
    ['a bad one between them begins anew', [false, false, false, true, false, true], 'unhealthy'],
  ])('%s', (_what, results, state) => {
    expect(checked(...results).health.state).toBe(state);
  });

  it('tell of each change once', () => {
    expect(checked(true, true, false, false, false, false, true, true, true).told).toEqual(['unhealthy', 'healthy']);
  });

  it('forget the failures of requests when they bring it back', () => {
    const { health, fail } = checked(true);
    fail(4);
    for (const isGood of [false, false, false, true, true]) health.checked(isGood);
    fail(4);
    expect(health.state).toBe('healthy');
  });

  it('do not end an ejection', () => {
    const { health, fail } = checked(true);
    fail(5);
    health.checked(true);
    expect(health.state).toBe('ejected');
  });
});

describe('slow start', () => {
  const parts = (one: ReturnType<typeof instance>) =>
    [0, 1000, 4000, 4999, 1].map((ms) => {
      one.wait(ms);
      return Number(one.health.part.toFixed(2));
    });

  it('does not apply to an instance that was never out', () => {
    expect(instance().health.part).toBe(1);
  });

  it('grows from a tenth to the whole after an ejection', () => {
    const one = instance();
    one.fail(5);
    one.wait(10_000);
    expect(parts(one)).toEqual([0.1, 0.1, 0.5, 1, 1]);
  });

  it('grows from a tenth to the whole when checks bring it back', () => {
    const one = instance({ settings: { healthCheck: { ...checks, healthyThreshold: 1, unhealthyThreshold: 1 } } });
    one.health.checked(false);
    one.wait(60_000);
    one.health.checked(true);
    expect(parts(one)).toEqual([0.1, 0.1, 0.5, 1, 1]);
  });

  it('is over at once if it is set to nothing', () => {
    const one = instance({ settings: { slowStartMs: 0 } });
    one.fail(5);
    one.wait(10_000);
    expect(one.health.part).toBe(1);
  });
});

describe('whatever has happened', () => {
  it('an instance is healthy again when it is well for long enough', () => {
    let seed = 1;
    const random = () => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed / 2_147_483_647;
    };
    for (let run = 0; run < 200; run++) {
      const one = instance({ settings: { healthCheck: checks, ejection: { maxEjectMs: 60_000 } } });
      for (let event = 0; event < 50; event++) {
        one.wait(random() * 5000);
        const kind = random();
        if (kind < 0.3) one.health.checked(random() < 0.5);
        else if (kind < 0.5) one.health.recordEnd(random() < 0.5);
        else one.health.record(random() < 0.2 ? 'success' : 'failure');
      }
      one.wait(60_000);
      one.health.checked(true);
      one.health.checked(true);
      one.wait(10_000);
      expect([one.health.state, one.health.part]).toEqual(['healthy', 1]);
    }
  });
});
