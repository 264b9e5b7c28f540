import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, chromium, type Locator, type Page } from 'playwright-core';

/** A page in a real Chromium, and everything that went wrong in it. */
export interface TestPage {
  readonly page: Page;
  /** Console errors and warnings, exceptions, and requests that failed or were answered with an error, in words. */
  troubles(): string[];
  /** Every host that the page has asked for something. */
  hosts(): string[];
  close(): Promise<void>;
}

/** Debian's and other names. */
const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];

/** Starts Chromium, without a window. */
export async function startChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath: executable(),
    // Chromium refuses to put root into its sandbox.
    args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
  });
}

/** Opens a page of its own, with nothing remembered, that takes any certificate. */
export async function openPage(browser: Browser, url: string): Promise<TestPage> {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1280, height: 1000 } });
  const page = await context.newPage();
  const troubles: string[] = [];
  const hosts = new Set<string>();
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) troubles.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => void troubles.push(`exception: ${error.message}`));
  page.on('requestfailed', (request) => void troubles.push(`${request.url()}: ${request.failure()?.errorText}`));
  page.on('response', (response) => {
    if (response.status() >= 400) troubles.push(`${response.url()}: ${response.status()}`);
  });
  page.on('request', (request) => {
    const { protocol, host } = new URL(request.url());
    if (protocol !== 'data:' && protocol !== 'blob:') hosts.add(host);
  });
  await page.goto(url);
  return { page, troubles: () => [...troubles], hosts: () => [...hosts], close: () => context.close() };
}

/** An operation of Swagger UI, opened. */
export interface OpenedOperation {
  /** Sends it with what is filled in, and returns status and body as the page shows them. */
  tryItOut(body?: object): Promise<{ status: string; body: string }>;
}

/** Opens an operation on the page of Swagger UI. */
export async function openOperation(page: Page, { method, path }: { method: string; path: string }) {
  const block = page.locator(`.opblock-${method.toLowerCase()}`, {
    has: page.locator(`.opblock-summary-path[data-path="${path}"]`),
  });
  await block.locator('.opblock-summary-control').click();
  return {
    async tryItOut(body?: object) {
      await block.getByRole('button', { name: 'Try it out' }).click();
      if (body !== undefined) await block.locator('textarea.body-param__text').fill(JSON.stringify(body));
      await block.getByRole('button', { name: 'Execute' }).click();
      return liveAnswer(block);
    },
  } satisfies OpenedOperation;
}

/** Gives Swagger UI a token for everything that follows. */
export async function authorize(page: Page, token: string): Promise<void> {
  await page.locator('.auth-wrapper button.authorize').click();
  const dialog = page.locator('.dialog-ux');
  const value = page.locator('#auth-bearer-value');
  // Once it is applied, its form no longer has the value; each kind of credential has a form of its own.
  const apply = dialog.locator('form').filter({ has: value }).getByRole('button', { name: 'Apply credentials' });
  await value.fill(token);
  await apply.click();
  await dialog.locator('button.close-modal').click();
}

async function liveAnswer(block: Locator): Promise<{ status: string; body: string }> {
  const answer = block.locator('.live-responses-table .response');
  const status = await answer.locator('.response-col_status').textContent();
  const body = await answer.locator('.highlight-code code').first().textContent();
  return { status: status?.match(/^\d+/)?.[0] ?? '', body: body ?? '' };
}

function executable(): string {
  const folders = (process.env.PATH ?? '').split(delimiter);
  const found = NAMES.flatMap((name) => folders.map((folder) => join(folder, name))).find((path) => existsSync(path));
  if (found === undefined) throw new Error(`there is no Chromium on the PATH: looked for ${NAMES.join(', ')}`);
  return found;
}
