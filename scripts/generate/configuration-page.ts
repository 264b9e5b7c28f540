import { parseGatewayFile } from '../../src/config/gateway-file.ts';
import { type EnvironmentVariable, groupedVariables } from './environment-variables.ts';
import { type GatewayKey, keysOf } from './gateway-keys.ts';
import { gatewayJsonSchema } from './gateway-schema.ts';
import { generatedNotice } from './generated-notice.ts';
import { markdownTable } from './markdown-table.ts';

const EXAMPLE = `\
upstreams:
  billing:
    url: \${BILLING_SERVICE_URL}
    headTimeoutMs: 5000
    breaker:
      openSeconds: 60

policies:
  # Twenty at once, and 300 per minute in the long run.
  reading:
    key: user
    algorithm: token-bucket
    limit: 300
    burst: 20
    windowMs: 60000

routes:
  # Everybody who is logged in may read invoices...
  - path: /api/v1/billing/*
    methods: [GET, HEAD]
    limits: [reading]
    upstream: billing
    stripPrefix: /api/v1/billing
  # ...and only these roles may write them.
  - path: /api/v1/billing/*
    methods: [POST, PUT]
    roles: [accountant, admin]
    upstream: billing
    stripPrefix: /api/v1/billing
    maxBodyBytes: 1048576
  # The payment provider calls it, and has no token of ours.
  - path: /api/v1/billing/webhook
    methods: [POST]
    auth: none
    upstream: billing
    stripPrefix: /api/v1/billing
`;

/** `docs/configuration.md`: every variable and every key, with an example that is known to be valid. */
export function configurationPage(): string {
  return `<!-- ${generatedNotice('src/config/schema.ts')} -->

# Configuration

Two sources, read once when a worker starts: environment variables (also from \`.env\`; what is exported wins) and \`gateway.yaml\`. A wrong value in either stops the start with exit code 64 and one message that lists every wrong key, where it stands and what was expected. To check without starting: \`npm run build && npm start -- --check\`.

- [Environment](#environment)
- [gateway.yaml](#gatewayyaml)
- [Example](#example)

## Environment

An empty variable counts as one that is not set.

${groupedVariables()
  .map(({ title, variables }) => `### ${title}\n\n${variableTable(variables)}`)
  .join('\n\n')}

## gateway.yaml

Keys that are not listed here are errors. \`<name>\` stands for a name of your choice, \`[]\` for each entry of a list. Editors that understand [the schema](gateway.schema.json) check the file while you write.

${keyTable(keysOf(gatewayJsonSchema()))}

## Example

A service of its own, as it would be added to the entries that are there. No code changes.

\`\`\`yaml
${checkedExample()}\`\`\`
`;
}

function variableTable(variables: readonly EnvironmentVariable[]): string {
  const rows = variables.map(({ name, expected, unit, description, isSecret, ...value }) => [
    `\`${name}\``,
    expected,
    defaultOf(value),
    unit ?? '',
    isSecret === true ? `${description} A secret: its value is never logged.` : description,
  ]);
  return markdownTable(['Variable', 'Expected', 'Default', 'Unit', 'What it does'], rows);
}

function keyTable(keys: readonly GatewayKey[]): string {
  const rows = keys.map(({ path, type, fallback, description }) => [`\`${path}\``, type, fallback, description]);
  return markdownTable(['Key', 'Type', 'Default', 'What it does'], rows);
}

function defaultOf({ fallback, isRequired }: Pick<EnvironmentVariable, 'fallback' | 'isRequired'>): string {
  if (isRequired) return '**required**';
  return fallback === undefined ? 'none' : `\`${fallback}\``;
}

/** @throws {Error} if the schema no longer takes the example */
function checkedExample(): string {
  const environment = { BILLING_SERVICE_URL: 'http://localhost:3004' };
  const result = parseGatewayFile({ name: 'example', text: EXAMPLE }, environment);
  if ('file' in result) return EXAMPLE;
  throw new Error(`the example of docs/configuration.md is wrong: ${JSON.stringify(result.findings)}`);
}
