import { type CatalogEntry, catalog, type ProblemSource, type Reason } from '../../src/problem/catalog.ts';
import { Problem, problemBody } from '../../src/problem/problem.ts';
import { whatHelps } from '../../src/problem/what-helps.ts';
import { generatedNotice } from './generated-notice.ts';
import { markdownTable } from './markdown-table.ts';

const CAUSED_BY: Readonly<Record<ProblemSource, string>> = {
  client: 'the request',
  upstream: 'the service behind the gateway',
  gateway: 'the gateway',
};

/** `docs/problems.md`: every error that the gateway answers. */
export function problemsPage(): string {
  const entries = Object.entries(catalog) as [Reason, CatalogEntry][];
  const overview = entries.map(([reason, { status, title }]) => [`[\`${reason}\`](#${reason})`, String(status), title]);
  return `<!-- ${generatedNotice('src/problem/catalog.ts')} -->

# Problems

Every error of the gateway's own is \`application/problem+json\` ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)). Its \`reason\` is one of the words below, and the same word stands in the header \`X-Gateway-Reason\` and in the access log. An error without that header came from the service itself.

\`\`\`json
${exampleBody()}
\`\`\`

Decide by \`status\` and \`reason\`: they do not change. \`detail\` is for people and may be more precise than the sentence given here. \`retryAfter\` (seconds, also in \`Retry-After\`) is there when waiting helps. \`requestId\` finds the request in the logs.

For 15 minutes \`GET /api/v1/_explain/{requestId}\` tells more to whoever made the request: what was left of the limits, how the service was doing, and what helps. There is nothing for what never got as far as the gateway's checks, so that a flood costs no more than its answers: bytes that are no valid HTTP, and \`overloaded\` from a worker that had no time for the request. Nor for refusals beyond \`explain.entriesPerSecond\`, or while Redis is away. The access log has a line for each.

The handshake of a WebSocket has two statuses of its own for \`invalid_request\`: 403 if pages of its origin may not connect, and 426 for another version than 13. An open WebSocket is closed with code 1008 when its caller may no longer call, and the close reason is the word that a request would be refused with: \`token_expired\` (get a new token and connect again), \`token_revoked\` or \`tenant_suspended\`. 1001, when it was idle or the worker stops, asks for nothing but to connect again.

${markdownTable(['Reason', 'Status', 'Title'], overview)}

${entries.map(sectionOf).join('\n\n')}
`;
}

function sectionOf([reason, { status, title, source, detail }]: [Reason, CatalogEntry]): string {
  return `### ${reason}

**${status} ${title}**, caused by ${CAUSED_BY[source]}. ${detail}

What you can do: ${whatHelps(reason)}`;
}

function exampleBody(): string {
  const problem = new Problem('rate_limited_user', { retryAfterSeconds: 42 });
  const body = problemBody(problem, {
    requestId: '5f0c4e0b8d3a4c1e9b7a2d6f1c3e5a79',
    instance: '/api/v1/crm/companies',
  });
  return JSON.stringify(JSON.parse(body), null, 2);
}
