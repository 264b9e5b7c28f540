import type { RequestListener } from 'node:http';
import { normalisePath } from '../../src/route/normalise-path.ts';
import { type GatewayWithBackend, startGatewayWithBackend } from './gateway-with-backend.ts';
import { asLenientServersRead } from './path-spellings.ts';
import { sendRaw } from './raw-client.ts';
import { rawRequest } from './raw-request.ts';
import type { ReceivedRequest } from './recording-backend.ts';
import { readRequests } from './strict-http.ts';

/** Nobody answers half a request. This is long enough to see what has come of those before it. */
const SILENCE_OF_HALF_MS = 150;
/** All others end their connection, however busy the machine is. Unless nginx waits for more where a strict reader does not. */
const SILENCE_MS = 1500;

/** Ends a connection whose earlier requests left it open, so that nobody has to wait for its silence. */
const last = rawRequest({ target: '/health/live', lines: ['Connection: close'] });

/** Whose token the generated requests carry: an agent, no administrator. */
const identity = {
  'x-user-id': 'user-1',
  'x-user-email': 'user-1@example.com',
  'x-user-roles': 'agent',
  'x-tenant-id': 'tenant-1',
};
const IDENTITY = /^x-(?:user|tenant|auth)-|^x-gateway-(?!timeout-ms$)|^remote-user$/;
const HOP_BY_HOP = /^(?:keep-alive|proxy-.*|te|trailer|upgrade|http2-settings|expect)$/;
const REROUTING = /^x-(?:original-url|rewrite-url|http-method|http-method-override|method-override)$/;

/** A gateway with routes for everybody, for users and for administrators, and a backend that numbers its answers. */
export async function startFuzzedGateway(options: { isBehindNginx: boolean }): Promise<GatewayWithBackend> {
  let count = 0;
  const answer: RequestListener = (req, res) => {
    req.resume().on('end', () => {
      res.setHeader('X-Serial', String(count++));
      res.end('{"ok":true}');
    });
  };
  const admins = { upstream: 'crm', roles: ['admin'] };
  const routes = [
    { path: '/open/crm/*', upstream: 'crm', auth: 'none' },
    { path: '/api/crm/login', upstream: 'crm', auth: 'none' },
    { path: '/api/crm/public/*', upstream: 'crm', auth: 'none' },
    { path: '/api/crm/*', upstream: 'crm', methods: ['GET', 'HEAD', 'POST'] },
    { ...admins, path: '/api/crm/admin/*' },
    { ...admins, path: '/api/crm/*', methods: ['PUT', 'PATCH', 'DELETE', 'OPTIONS'] },
  ];
  // Directly, the test is a stranger to the gateway, whose word for where it comes from counts for nothing.
  const env = { TRUST_PROXY: options.isBehindNginx ? '127.0.0.1' : '192.0.2.1' };
  return startGatewayWithBackend({ routes, answer, env, ...options });
}

/** What a text has done that must not happen. */
export interface Culprit {
  readonly text: string;
  readonly faults: readonly string[];
}

/** Sends texts and finds what must not come of them. */
export interface Suspicion {
  /**
   * Sends each text on a connection of its own, all at once, and finds those of which the backend got a request that
   * nobody sent, that nobody was answered, or that no policy of the gateway lets pass.
   */
  culpritsAmong(texts: readonly string[]): Promise<Culprit[]>;
}

/** Each client has an address of its own: what the backend gets says by it whose it is, whatever else has been forged. */
export function suspect({ gateway, backend, nginx }: GatewayWithBackend): Suspicion {
  const isBehindNginx = nginx !== undefined;
  const received = new Map<string, ReceivedRequest[]>();
  let [clients, read] = [0, 0];
  const sendAlone = async (text: string, { isHurried }: { isHurried: boolean }): Promise<Culprit> => {
    const from = addressOf(clients++);
    const port = nginx?.httpsPort ?? gateway.port;
    const silenceMs = isHurried && isHalf(text + last) ? SILENCE_OF_HALF_MS : SILENCE_MS;
    const seen = await sendRaw(port, text + last, { silenceMs, ca: nginx?.ca, from });
    for (; read < backend.requests.length; read++) {
      const request = backend.requests[read];
      const client = request?.headers['x-forwarded-for']?.join('|') ?? '';
      if (request !== undefined) received.set(client, [...(received.get(client) ?? []), request]);
    }
    const client = isBehindNginx ? `${from}, 127.0.0.1` : from;
    const requests = received.get(client) ?? [];
    received.delete(client);
    const answered = seen.text.match(/^x-serial: \d+/gim)?.length ?? 0;
    const faults = requests.flatMap((request) => faultsIn(request, { backend }));
    if (requests.length !== answered) faults.push(`${requests.length} requests and ${answered} answers`);
    // nginx forgives more than a strict reader, and sends what it has understood in words of its own.
    if (!isBehindNginx) faults.push(...requestsOfNobody(requests, text + last));
    return { text, faults };
  };
  return {
    async culpritsAmong(texts) {
      const first = await Promise.all(texts.map((text) => sendAlone(text, { isHurried: true })));
      const culprits: Culprit[] = [];
      for (const client of received.keys()) {
        if (!CLIENT.test(client)) culprits.push({ text: 'one of these', faults: [`X-Forwarded-For: ${client}`] });
      }
      for (const { text, faults } of first) {
        // On a busy machine an answer may come after the silence: what is at fault stays so when there is time.
        const again = faults.length > 0 ? await sendAlone(text, { isHurried: false }) : undefined;
        if (again !== undefined && again.faults.length > 0) culprits.push({ ...again, text: JSON.stringify(text) });
      }
      return culprits;
    },
  };
}

/** What the gateway has sent that is not in the one canonical form. */
export function faultsOnWire({ backend }: GatewayWithBackend): string[] {
  return backend.rawBytes().flatMap((text) => readRequests(text).fault ?? []);
}

/** Whether a text ends in the middle of a request. */
function isHalf(text: string): boolean {
  const { messages, fault, rest } = readRequests(text);
  return fault === undefined && (rest !== '' || messages.at(-1)?.isComplete === false);
}

function addressOf(client: number): string {
  return `127.${1 + (Math.floor(client / 65_536) % 200)}.${Math.floor(client / 256) % 256}.${client % 256}`;
}

/** Requests at the backend that a strict reader does not find in what was sent. */
function requestsOfNobody(requests: readonly ReceivedRequest[], sent: string): string[] {
  const meant = readRequests(sent).messages.filter(({ isComplete }) => isComplete);
  const left = meant.map(({ startLine, body }) => {
    const [method = '', target = ''] = startLine.split(/ +/);
    return meaningOf({ method, url: target.replace(/^https?:\/\/[^/?#]*/i, ''), body: asUtf8(body) });
  });
  return requests
    .filter((request) => {
      const at = left.indexOf(meaningOf(request));
      if (at !== -1) left.splice(at, 1);
      return at === -1;
    })
    .map((request) => `nobody has sent ${meaningOf(request)}`);
}

/** As the recording backend keeps bodies. */
function asUtf8(body: string): string {
  return Buffer.from(body, 'latin1').toString();
}

function meaningOf({ method, url, body }: Pick<ReceivedRequest, 'method' | 'url' | 'body'>): string {
  const queryAt = url.indexOf('?');
  const path = asLenientServersRead(url);
  return JSON.stringify([method, path, queryAt === -1 ? '' : url.slice(queryAt), body]);
}

function faultsIn({ method, url, headers }: ReceivedRequest, { backend }: { backend: { port: number } }): string[] {
  const folded = Object.entries(headers).map(([name, values]) => [name.replaceAll(/[^a-z0-9]/g, '-'), ...values]);
  const names = folded.map(([name = '']) => name);
  const who = folded.filter(([name = '']) => IDENTITY.test(name)).sort();
  const isKnown = who.length > 0;
  const path = url.replace(/\?.*$/, '');
  const only = (name: string) =>
    folded
      .find(([other]) => other === name)
      ?.slice(1)
      .join();
  const claims: Record<string, boolean> = {
    'a forged identity': isKnown && JSON.stringify(who) !== OWN,
    'a path that no policy saw': !mayPass({ method, path: asLenientServersRead(url), isKnown }),
    'a path in another form': JSON.stringify(normalisePath(path)) !== JSON.stringify({ path }),
    'a header of one connection': names.some((name) => HOP_BY_HOP.test(name)),
    'a header that reroutes': names.some((name) => REROUTING.test(name)),
    'another Connection': !/^(?:keep-alive|close)$/.test(String(only('connection'))),
    'another Host': only('host') !== `127.0.0.1:${backend.port}`,
    'another time to answer in': !/^(?:\d+|undefined)$/.test(String(only('x-gateway-timeout-ms'))),
    'no request id of ours': !/^[0-9a-f]{32}$/.test(String(only('x-request-id'))),
  };
  const found = Object.entries(claims).filter(([, holds]) => holds);
  return found.map(([fault]) => `${fault}: ${method} ${url}`);
}

const OWN = JSON.stringify(Object.entries(identity).sort());

const CLIENT = /^127(?:\.\d{1,3}){3}(?:, 127\.0\.0\.1)?$/;

/** Who may ask for what, by the routes above: nobody is an administrator. */
function mayPass({ method, path, isKnown }: { method: string; path: string; isKnown: boolean }): boolean {
  if (/^\/(?:open\/crm|api\/crm\/login|api\/crm\/public)(?:\/|$)/.test(path)) return true;
  const isForUsers = /^\/api\/crm(?:\/|$)/.test(path) && !/^\/api\/crm\/admin(?:\/|$)/.test(path);
  return isKnown && isForUsers && ['GET', 'HEAD', 'POST'].includes(method);
}
