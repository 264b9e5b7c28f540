import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { Browser } from 'playwright-core';
import { authorize, openOperation, openPage, startChromium } from '../support/chromium.ts';
import { startGateway } from '../support/gateway.ts';
import { type GatewayWithServices, startGatewayWithServices } from '../support/gateway-with-services.ts';
import { startNginx, type TestNginx } from '../support/nginx.ts';
import { startRecordingBackend } from '../support/recording-backend.ts';

const ADA = { email: 'ada@brightpath.example', password: 'demo-only-ada-admin' };

let platform: GatewayWithServices;
let nginx: TestNginx;
let browser: Browser;

beforeAll(async () => {
  [platform, browser] = await Promise.all([startGatewayWithServices(), startChromium()]);
  nginx = await startNginx({ gatewayPort: platform.gateway.port });
});
afterAll(async () => {
  await browser.close();
  await nginx.stop();
  await platform.stop();
});

const open: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close();
});

/** Opens a page for the time of a test. */
async function opened(url: string) {
  const testPage = await openPage(browser, url);
  open.push(testPage.close);
  return testPage;
}

describe.each([
  ['directly', () => platform.gateway.url],
  ['through nginx with TLS', () => nginx.httpsUrl],
])('the API docs in Chromium, %s', (_way, baseUrl) => {
  it('let people log in, take the token and list companies by trying it out', async () => {
    const { page, troubles, hosts } = await opened(`${baseUrl()}/api-docs`);
    const login = await openOperation(page, { method: 'post', path: '/api/v1/auth/login' });
    const loggedIn = await login.tryItOut(ADA);
    expect(loggedIn.status).toBe('200');
    const { accessToken } = JSON.parse(loggedIn.body) as { accessToken: string };
    await authorize(page, accessToken);
    const list = await openOperation(page, { method: 'get', path: '/api/v1/crm/companies' });
    const listed = await list.tryItOut();
    expect(listed).toEqual({ status: '200', body: expect.stringContaining('Acme Manufacturing') });
    expect(troubles()).toEqual([]);
    expect(hosts()).toEqual([new URL(baseUrl()).host]);
  });
});

describe('the page of the API docs', () => {
  it('shows every service, with a title and without another\u2019s name', async () => {
    const { page, troubles } = await opened(`${platform.gateway.url}/api-docs/`);
    await page.locator('.opblock').first().waitFor();
    expect(await page.title()).toBe('psa-api-gateway');
    const tags = await page.locator('.opblock-tag').evaluateAll((items) => items.map((item) => item.dataset.tag));
    expect(tags).toEqual(['auth', 'crm', 'tickets', 'Gateway']);
    expect(await page.locator('.topbar').count()).toBe(0);
    expect(await page.locator('.opblock-summary-path[data-path="/api/v1/auth/me"]').count()).toBe(1);
    expect(troubles()).toEqual([]);
  });

  it('runs no script of a hostile service, and asks no other host', async () => {
    const other = await startRecordingBackend();
    open.push(other.stop);
    const elsewhere = `http://127.0.0.1:${other.port}`;
    const html = '<img src=x onerror="window.wasRun=1"><script>window.wasRun=1</script><b>bold</b>';
    const link = `[click](javascript:window.wasRun=1) ![pixel](${elsewhere}/pixel.png) ${html}`;
    const hostile = {
      openapi: '3.1.0',
      info: { title: html, description: link },
      paths: {
        '/things': {
          get: {
            summary: html,
            description: link,
            externalDocs: { url: 'javascript:window.wasRun=1', description: 'x' },
            parameters: [{ name: html, in: 'query', description: link, schema: { $ref: `${elsewhere}/x.json` } }],
            responses: { 200: { description: link, content: { [html]: { example: html } } }, [html]: {} },
          },
        },
        '/gone': { $ref: `${elsewhere}/path.json` },
        [`/${html}`]: { get: {} },
      },
    };
    const backend = await startRecordingBackend((_req, res) => void res.end(JSON.stringify(hostile)));
    open.push(backend.stop);
    const upstream = { url: `http://127.0.0.1:${backend.port}`, openApiPath: '/openapi.json' };
    const gateway = await startGateway({ upstreams: { crm: upstream } });
    open.push(gateway.stop);
    const { page } = await opened(`${gateway.url}/api-docs`);
    await openOperation(page, { method: 'get', path: '/open/crm/things' });
    await page.locator('.opblock.is-open .responses-table').waitFor();
    expect(await page.evaluate('window.wasRun')).toBeUndefined();
    expect(await page.locator('a[href^="javascript:"]').count()).toBe(0);
    expect(other.connectionCount()).toBe(0);
    expect(other.requests).toEqual([]);
  });
});
