import { field, tokenOf } from './main-job.ts';
import { insist, type Scene } from './scene.ts';
import { type Answer, send } from './send.ts';

/** What somebody writes who would like to be Ada. */
const CLAIMS = { 'x-user-id': 'user-ada', 'x-tenant-id': 'brightpath', 'x-user-roles': 'admin' };

/** Step. */
export async function goAround(scene: Scene): Promise<void> {
  const { ask, print, stage, signal } = scene;
  const answer = await ask({
    path: '/api/v1/crm/echo',
    token: tokenOf(scene, 'ada'),
    note: "Ada's token; the CRM tells what it was told of her, and could verify",
    expect: 200,
    show: assertionFacts,
  });
  insist(assertionFacts(answer).includes('sub: user-ada'), 'an assertion about user-ada', answer.body);
  print.notice('It has checked X-Gateway-Assertion by the keys at /.well-known/jwks.json of the gateway.');
  const { port } = stage.services.crm;
  print.request({ path: `http://127.0.0.1:${port}/companies` }, 'past the gateway, with X-User-Id: user-ada');
  const direct = await send(`http://127.0.0.1:${port}`, { path: '/companies', headers: CLAIMS }, signal);
  print.answer(direct, `“${field(direct, 'detail')}”`);
  insist(direct.status === 401, 'status 401', direct.status);
}

function assertionFacts(answer: Answer): string[] {
  const assertion = field(answer, 'assertion') as Record<string, unknown> | null;
  return ['iss', 'aud', 'sub', 'tenantId', 'roles'].map((name) => `${name}: ${assertion?.[name]}`);
}
