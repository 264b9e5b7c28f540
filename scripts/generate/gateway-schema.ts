import { z } from 'zod';
import { gatewayFileSchema } from '../../src/config/schema.ts';
import { generatedNotice } from './generated-notice.ts';

/** One schema on its way to JSON Schema. */
type Conversion = Parameters<NonNullable<z.core.ToJSONSchemaParams['override']>>[0];

/** `docs/gateway.schema.json`: what editors check and complete `gateway.yaml` with. JSON knows no comments but this key. */
export function gatewaySchema(): string {
  const { $schema, ...schema } = gatewayJsonSchema();
  return `${JSON.stringify({ $comment: generatedNotice('src/config/schema.ts'), $schema, ...schema }, null, 2)}\n`;
}

/** The JSON Schema of what an operator writes, before defaults are filled in. */
export function gatewayJsonSchema(): z.core.JSONSchema.BaseSchema {
  return z.toJSONSchema(gatewayFileSchema, { io: 'input', override: dropFlaggedPattern });
}

/** JSON Schema's patterns have no flags, and a pattern without its flag would refuse what the gateway takes. */
function dropFlaggedPattern({ zodSchema, jsonSchema }: Conversion): void {
  const checks = zodSchema._zod.def.checks ?? [];
  const patterns = checks.map((check) => (check._zod.def as { pattern?: RegExp }).pattern);
  if (patterns.some((pattern) => pattern !== undefined && pattern.flags !== '')) delete jsonSchema.pattern;
}
