import { describe, expect, it } from '@jest/globals';
import { runGateway } from '../support/gateway-process.ts';

const upstreams = { crm: { url: 'http://127.0.0.1:9' } };
const routes = [{ path: '/api/crm/*', upstream: 'crm' }];

describe('node dist/main.js', () => {
  it('exits with 64 and one message on stderr that lists every wrong setting, and prints nothing else', async () => {
    const { code, stdout, stderr } = await runGateway({
      file: { upstreams, routes: [{ path: '/api/crm/*', upstream: 'cmr', aut: 'none' }], typo: true },
      env: { JWT_SECRET: 'hunter2', PORT: 'http', TRUST_PROXY: 'true', ALLOWED_ORIGINS: '*' },
    });
    expect(code).toBe(64);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^The configuration can't be used: 6 settings are wrong\.\n\n(?: {2}\S.+\n){6}\n?$/);
    for (const key of ['JWT_SECRET', 'PORT', 'TRUST_PROXY', 'ALLOWED_ORIGINS', 'routes[0].aut', 'typo']) {
      expect(stderr).toContain(` ${key} `);
    }
    expect(stderr).not.toContain('hunter2');
  });

  it('exits with 64 when there is no gateway.yaml', async () => {
    const { code, stdout, stderr } = await runGateway({});
    expect({ code, stdout }).toEqual({ code: 64, stdout: '' });
    expect(stderr).toContain("can't read");
    expect(stderr).not.toMatch(/^ +at /m);
  });

  it('exits with 64 when a flag opens its parser', async () => {
    const { code, stdout, stderr } = await runGateway({
      file: { upstreams, routes },
      env: { NODE_OPTIONS: '--insecure_http_parser' },
    });
    expect({ code, stdout }).toEqual({ code: 64, stdout: '' });
    expect(stderr).toMatch(/^Node was started with --insecure-http-parser.*\n$/);
  });

  it('says with --check that a configuration is valid, and exits with 0', async () => {
    const result = await runGateway({ file: { upstreams, routes }, args: ['--check'] });
    expect(result).toEqual({ code: 0, stdout: 'The configuration is valid.\n', stderr: '' });
  });
});
