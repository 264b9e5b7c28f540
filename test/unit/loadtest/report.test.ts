import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Browser, chromium } from 'playwright-core';
import type { RequestLine } from '../../../loadtest/measure/request-line.ts';
import { summarise } from '../../../loadtest/measure/summarise.ts';
import { linesOf } from '../../../loadtest/report/print-tables.ts';
import { tablesOf } from '../../../loadtest/report/tables.ts';
import { writeReport } from '../../../loadtest/report/write-report.ts';
import { type Result, resultOf } from '../../../loadtest/run/result.ts';
import { defaultSettings, profileSettings } from '../../../loadtest/targets.ts';

const START = 1_700_000_000_000;
const HOSTILE = `<script>document.title = 'taken'</script>"'&`;
const { spike = defaultSettings } = profileSettings;

/** Ten requests a second for a minute; the CRM fails in the middle of it. */
const minute: RequestLine[] = Array.from({ length: 600 }, (_, index) => {
  const isFailing = index >= 200 && index < 300;
  const path = index % 2 === 0 ? '/api/v1/crm/companies' : `/api/v1/${HOSTILE}`;
  return [START + index * 100, 3 + (index % 40), 'GET', path, isFailing ? 503 : 200, isFailing ? HOSTILE : ''];
});

function resultWith(lines: readonly RequestLine[], profile = 'spike'): Result {
  const outage = { upstream: 'crm', fromMs: START + 20_000, untilMs: START + 31_000 };
  const change = (atMs: number, worker: string, state: string) => ({
    atMs: START + atMs,
    worker,
    upstream: 'crm',
    state,
  });
  const changes = [change(21_000, '0', 'OPEN'), change(21_500, '1', 'OPEN'), change(30_000, '0', 'CLOSED')];
  return resultOf({
    options: { profile, settings: spike },
    outcome: {
      summary: summarise(lines, { warmUpRequests: 0, outage }),
      artillery: { counters: {}, summaries: {} },
      outage,
      breakers: { changes, openings: 2, rejects: 90, openAtEnd: 0 },
    },
    startedAt: '2026-01-02T03:04:05.678Z',
    gateway: HOSTILE,
    environment: { cores: 2, processor: 'P', node: '24.0.0', commit: 'abc', loadBefore: 0.1 },
    isOwnStage: true,
    plainLoop: { requestsPerSecond: 1234.5, p50: 1, p99: 2 },
  });
}

let browser: Browser;
let folder: string;
beforeAll(async () => {
  const folders = (process.env.PATH ?? '').split(delimiter);
  const program = folders.map((name) => join(name, 'chromium')).find((name) => existsSync(name));
  if (program === undefined) throw new Error('chromium is not installed');
  browser = await chromium.launch({ executablePath: program, args: ['--no-sandbox'] });
});
afterAll(() => browser.close());
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'psa-report-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Opens the report as a reader would, and listens for whatever goes wrong. */
async function open(result: Result) {
  const page = await browser.newPage();
  const complaints: string[] = [];
  const requests: string[] = [];
  page.on('console', (message) => complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (request) => requests.push(request.url()));
  await page.goto(pathToFileURL(writeReport(result, folder)).href);
  return { page, complaints, requests };
}

describe('the report', () => {
  it('loads nothing but itself, runs nothing, and complains of nothing', async () => {
    const { page, complaints, requests } = await open(resultWith(minute));
    expect(complaints).toEqual([]);
    expect(requests.filter((url) => !url.startsWith('data:'))).toEqual([page.url()]);
    expect(await page.title()).toBe('Load test “spike”');
    expect(await page.locator('script').count()).toBe(0);
    expect(await page.locator('.facts').textContent()).toContain(HOSTILE);
    await page.close();
  });

  it('shows the verdict, both plots, the outage and the breakers', async () => {
    const { page } = await open(resultWith(minute));
    expect(await page.locator('.verdict').textContent()).toContain('Not every target is met');
    expect(await page.locator('path.line').count()).toBe(3);
    expect(await page.locator('rect.status-503').count()).toBeGreaterThan(5);
    expect(await page.locator('rect.outage').count()).toBe(2);
    expect(await page.locator('.mark-text').allTextContents()).toEqual(
      expect.arrayContaining(['crm OPEN ×2', 'crm CLOSED']),
    );
    await page.close();
  });

  it.each(['light', 'dark'] as const)('can be read in a %s window', async (colorScheme) => {
    const { page } = await open(resultWith(minute));
    await page.emulateMedia({ colorScheme });
    // As text: the compiler knows no browser.
    const colours = await page.evaluate<string>(
      '[getComputedStyle(document.body)].map((style) => `${style.color} on ${style.backgroundColor}`).join()',
    );
    const [text, ground] = colours.split(' on ').map((colour) => Math.max(...(colour.match(/\d+/g) ?? []).map(Number)));
    expect(Math.abs((text ?? 0) - (ground ?? 0))).toBeGreaterThan(150);
    await page.close();
  });

  it('can be drawn of a run without a single request', async () => {
    const { page, complaints } = await open(resultWith([]));
    expect(complaints).toEqual([]);
    expect(await page.content()).not.toMatch(/NaN|Infinity|undefined/);
    await page.close();
  });

  it('has all figures as JSON beside it', () => {
    const page = writeReport(resultWith(minute), folder);
    expect(readdirSync(folder).toSorted()).toEqual(['spike-2026-01-02T030405.html', 'spike-2026-01-02T030405.json']);
    const { isPassed, summary } = JSON.parse(readFileSync(page.replace(/html$/, 'json'), 'utf8'));
    expect({ isPassed, requests: summary.total.requests }).toEqual({ isPassed: false, requests: 600 });
  });
});

describe('the tables of the terminal', () => {
  const lines = tablesOf(resultWith(minute)).flatMap(linesOf);

  it('name what was missed and what was expected to fail', () => {
    expect(lines.join('\n')).toMatch(/✘ +share of errors +9\.09 % +< 1 %/);
    expect(lines.join('\n')).toMatch(/503 .*expected failure +50$/m);
    expect(lines.join('\n')).toMatch(/breakers opened, of all workers +2$/m);
  });
});
