import { createServer } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import { serveUpgrades } from '../../../src/process/upgrades.ts';

describe('the upgrades of a server', () => {
  it('are not served by a Node that can not tell which ones to make', () => {
    const server = createServer();
    // As before Node 24.9.
    Reflect.deleteProperty(server, 'shouldUpgradeCallback');
    expect(() => serveUpgrades(server)).toThrow(/Node 24\.9/);
    expect(server.listenerCount('upgrade')).toBe(0);
  });

  it('are taken note of by one that can', () => {
    const server = createServer();
    serveUpgrades(server);
    expect(server.listenerCount('upgrade')).toBe(1);
  });
});
