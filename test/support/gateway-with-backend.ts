import { startGateway, type TestGateway } from './gateway.ts';
import { startNginx, type TestNginx } from './nginx.ts';
import { parseAnswers, untilAnswers } from './raw-answers.ts';
import { type RawAnswer, sendRaw } from './raw-client.ts';
import { type RecordingBackend, startRecordingBackend } from './recording-backend.ts';

type GatewayOptions = Parameters<typeof startGateway>[0];

/** A gateway with one recording backend behind it, for tests of what passes and what does not. */
export interface GatewayWithBackend {
  readonly gateway: TestGateway;
  readonly backend: RecordingBackend;
  /** What stands in front of the gateway, if it was asked for. */
  readonly nginx: TestNginx | undefined;
  /** Sends bytes on a connection of their own; over when this many answers are complete, or the connection closes. */
  exchange(
    bytes: string,
    options?: { answers?: number; toHead?: boolean; silenceMs?: number },
  ): Promise<{ answers: RawAnswer[]; text: string; isClosed: boolean }>;
  stop(): Promise<void>;
}

interface Options extends Partial<GatewayOptions> {
  readonly answer?: Parameters<typeof startRecordingBackend>[0];
  /** Whether nginx as shipped stands in front. Requests of `exchange` then come through it, over TLS. */
  readonly isBehindNginx?: boolean;
}

/** Starts both. The backend is the upstream `crm`: `/api/crm/*` needs a token, `/open/crm/*` does not. */
export async function startGatewayWithBackend({
  answer,
  isBehindNginx = false,
  ...options
}: Options = {}): Promise<GatewayWithBackend> {
  const backend = await startRecordingBackend(answer);
  const gateway = await startGateway({ upstreams: { crm: backend.port }, ...options });
  const nginx = isBehindNginx ? await startNginx({ gatewayPort: gateway.port }) : undefined;
  const port = nginx?.httpsPort ?? gateway.port;
  return {
    gateway,
    backend,
    nginx,
    async exchange(bytes, { answers = 1, toHead = false, silenceMs = 5000 } = {}) {
      const until = untilAnswers(answers, { toHead });
      const { text, isClosed } = await sendRaw(port, bytes, { until, silenceMs, ca: nginx?.ca });
      return { answers: parseAnswers(text, { toHead }), text, isClosed };
    },
    async stop() {
      await nginx?.stop();
      await gateway.stop();
      await backend.stop();
    },
  };
}
