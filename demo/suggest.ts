import { credentialsOf } from './walk/main-job.ts';
import { insist, type Scene } from './walk/scene.ts';

/** Prints lines to paste, with a fresh token and the real ports. */
export async function suggest({ stage, print, send }: Scene): Promise<void> {
  const { url, adminUrl, services, folder, logFolder, operatorFile } = stage;
  const login = { method: 'POST', path: '/api/v1/auth/login', json: credentialsOf('ada') };
  const { body } = await send(login);
  const { accessToken } = body as { accessToken?: unknown };
  insist(typeof accessToken === 'string', 'a token to try things with', body);
  const asAda = `-H "Authorization: Bearer $TOKEN" ${url}/api/v1`;
  const json = "-H 'Content-Type: application/json'";
  const sections: [why: string, ...lines: string[]][] = [
    ["Ada's token, an admin's, good for 15 minutes:", `TOKEN=${accessToken}`],
    ['Requests with it:', `curl -i ${asAda}/crm/companies`, `curl -i ${asAda}/tickets/42`],
    ['Write something:', `curl -i ${json} -d '{"subject":"My own ticket"}' ${asAda}/tickets`],
    ["Read the whole API, and try it out, in a browser. Ada's password is in the example of login:", `${url}/api-docs`],
    [
      'See how it is doing, each worker with its breakers; and what it has counted:',
      `curl -s ${url}/health/detailed`,
      `curl -s ${adminUrl}/metrics`,
    ],
    [
      'Make the CRM fail, watch its breaker open after ten calls of a worker, and make it well again:',
      `curl -X PUT ${json} -d '{"status":503}' http://127.0.0.1:${services.crm.controlPort}/faults`,
      `curl -X DELETE http://127.0.0.1:${services.crm.controlPort}/faults`,
    ],
    ['Watch the requests:', `tail -f ${logFolder}/access.log`],
    [
      "Be the operator, with the gateway's own command, and with PM2's:",
      `env $(cat ${operatorFile}) npx gateway audit --follow`,
      `PM2_HOME=${folder}/pm2 npx pm2 status`,
    ],
  ];
  print.heading('Now you. Paste these into another terminal, from this folder:');
  for (const [why, ...lines] of sections) {
    print.say('');
    print.say(`# ${why}`);
    for (const line of lines) print.paste(line);
  }
  print.heading('Ctrl+C ends the demo and removes every trace of it.');
}
