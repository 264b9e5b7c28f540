import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type FuzzedUpstream, startFuzzedUpstream } from '../support/answer-fuzz.ts';
import { call } from '../support/call.ts';
import { fuzzSettings, fuzzTimeoutMs } from '../support/fuzz-settings.ts';
import { type GeneratedAnswer, generatedAnswer } from '../support/generated-answer.ts';

/** Each run lets the upstream give up to 40 answers at once. */
const RUNS = 40;

const head = 'HTTP/1.1 200 OK\r\n';
/** Sent in two pieces: the head, and what comes behind it. */
const found = (bytes: string, ending: GeneratedAnswer['ending'] = 'fin'): GeneratedAnswer => {
  return { method: 'GET', bytes, splitAt: bytes.indexOf('\r\n\r\n') + 4, ending };
};

let front: FuzzedUpstream;

beforeAll(async () => {
  front = await startFuzzedUpstream();
});
afterAll(() => front.stop());

describe('generated answers of an upstream', () => {
  it(
    'reach the client as they are, or as a 502 of ours within a second, or cut, and harm no later request',
    async () => {
      const answers = fc.array(generatedAnswer, { minLength: 1, maxLength: 40, size: 'max' });
      const holds = async (given: readonly GeneratedAnswer[]) => {
        expect(await front.culpritsAmong(given)).toEqual([]);
        const ordinary = await call(`${front.gateway.url}/open/crm/x`);
        expect([ordinary.status, ordinary.body.toString(), ordinary.failure]).toEqual([200, 'ok', undefined]);
      };
      await fc.assert(fc.asyncProperty(answers, holds), { ...fuzzSettings(RUNS), endOnFailure: true });
    },
    fuzzTimeoutMs(RUNS),
  );

  it.each<[string, GeneratedAnswer]>([
    ['a header beyond ASCII and no body', found(`${head}Set-Cookie: Zo\xeb\r\n\r\n`)],
    ['a coding that nobody knows', found(`${head}Transfer-Encoding: chu\xf6nked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`)],
    ['a second answer behind the first', found(`${head}Content-Length: 2\r\n\r\nok${head}\r\nno`, 'stays')],
  ])('that once were wrong are right: %s', async (_name, answer) => {
    expect(await front.culpritsAmong([answer])).toEqual([]);
  });
});
