import type { UpstreamSettings } from '../../src/config/schema.ts';
import { upstream } from '../../src/config/upstream-schema.ts';

/** The settings of an upstream as `gateway.yaml` would give them: these, and defaults. */
export function upstreamSettings(settings: Record<string, unknown> = {}): UpstreamSettings {
  return upstream.parse({ ...('instances' in settings ? {} : { url: 'http://a' }), ...settings });
}
