import type { RouteSettings } from '../config/schema.ts';
import { type ApiFeatures, gatewayDocument } from './gateway-document.ts';
import { type DocsLogger, keptPart, silentPart } from './kept-part.ts';

/** What is needed of an upstream's settings. Any of its instances may be asked. */
interface DescribedUpstream {
  readonly instances: readonly { readonly url: string }[];
  readonly openApiPath?: string | undefined;
}

interface ApiDescriptionOptions {
  readonly title: string;
  readonly version: string;
  /** By name; those without `openApiPath` have nothing to read. */
  readonly upstreams: Readonly<Record<string, DescribedUpstream>>;
  readonly routes: readonly RouteSettings[];
  readonly features: ApiFeatures;
  readonly routeOf: (path: string, method: string) => RouteSettings | undefined;
  /** Milliseconds: `clock` is monotonic, `now` is since 1970. */
  readonly time: { readonly clock: () => number; readonly now: () => number };
  readonly logger: DocsLogger;
}

/** The document of the whole API, kept up to date by those who ask for it. */
export interface ApiDescription {
  /** The JSON text. Whoever asks when it is old waits until it is new, two seconds at most. */
  text(): Promise<string>;
  /** Gives up what is being read. */
  close(): void;
}

/** Reads the services' descriptions at once, so that one that fails later is known already, and then when asked. */
export function apiDescription(options: ApiDescriptionOptions): ApiDescription {
  const closing = new AbortController();
  const parts = Object.entries(options.upstreams).map(([service, { instances, openApiPath }]) => {
    if (openApiPath === undefined) return silentPart(service);
    const addresses = instances.map(({ url }) => url + openApiPath);
    return keptPart({ ...options, service, addresses, signal: closing.signal });
  });
  let text = '';
  let underWay: Promise<void> | undefined;
  const refresh = async () => {
    try {
      await Promise.all(parts.map((part) => part.refresh()));
      text = JSON.stringify(gatewayDocument({ ...options, services: parts.map((part) => part.current()) }));
    } finally {
      underWay = undefined;
    }
  };
  // However many ask at the same time.
  const refreshOnce = () => {
    underWay ??= refresh();
    return underWay;
  };
  // Whoever asks will meet the error again; here it would end the process.
  refreshOnce().catch(() => undefined);
  return {
    async text() {
      if (underWay !== undefined || parts.some((part) => part.isOld())) await refreshOnce();
      return text;
    },
    close: () => closing.abort(),
  };
}
