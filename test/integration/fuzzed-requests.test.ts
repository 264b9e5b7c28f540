import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { breakerOf } from '../support/breaker-of.ts';
import { fuzzSettings, fuzzTimeoutMs } from '../support/fuzz-settings.ts';
import type { GatewayWithBackend } from '../support/gateway-with-backend.ts';
import { hostileCorpus, hostileTokens } from '../support/hostile-corpus.ts';
import { mutated } from '../support/mutations.ts';
import { rawRequest } from '../support/raw-request.ts';
import { faultsOnWire, startFuzzedGateway, suspect } from '../support/request-fuzz.ts';

/** Each run sends up to 40 requests at once. */
const RUNS = 30;

const request = mutated({ corpus: hostileCorpus, tokens: hostileTokens, maxMutations: 6 });
const requests = fc.array(request, { minLength: 1, maxLength: 40, size: 'max' });

describe.each([false, true])('generated requests, through nginx: %p', (isBehindNginx) => {
  let front: GatewayWithBackend;

  beforeAll(async () => {
    front = await startFuzzedGateway({ isBehindNginx });
  });
  afterAll(() => front.stop());

  it(
    'never become more, or others, than their clients have sent',
    async () => {
      const suspicion = suspect(front);
      const holds = async (texts: readonly string[]) => expect(await suspicion.culpritsAmong(texts)).toEqual([]);
      await fc.assert(fc.asyncProperty(requests, holds), { ...fuzzSettings(RUNS), endOnFailure: true });
      expect(faultsOnWire(front)).toEqual([]);
    },
    fuzzTimeoutMs(RUNS),
  );

  it('leave a gateway that serves, and a closed breaker', async () => {
    const { answers } = await front.exchange(rawRequest());
    expect(answers[0]?.status).toBe(200);
    expect(await breakerOf(front.gateway)).toMatchObject({ state: 'CLOSED', openings: 0, failures: 0 });
  });
});
