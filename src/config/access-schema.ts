import { z } from 'zod';

/** A scope as OAuth knows it: it stands in a quoted list with spaces between. @see RFC 6749 §3.3 */
const scope = z
  .string()
  .regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,128}$/, 'expected a scope such as read:tickets:own, without spaces and quotes');

const role = z.string().min(1);

/** What a caller must have: each name of `all` and, unless that is empty, one of `any`. */
export interface Needed {
  readonly any: readonly string[];
  readonly all: readonly string[];
}

const neededOf = (name: z.ZodString) =>
  z
    .union([
      z.array(name).min(1),
      z
        .strictObject({ any: z.array(name).min(1).optional(), all: z.array(name).min(1).optional() })
        .refine(({ any, all }) => any !== undefined || all !== undefined, {
          error: 'expected `any` or `all`',
          // A key that is misspelt is reported, and so is none of them.
          when: ({ issues }) => issues.length === 0,
        }),
    ])
    .transform((value): Needed => {
      const { any = [], all = [] } = Array.isArray(value) ? { any: value } : value;
      return { any, all };
    });

/** Who may use a route: `[a, b]` is `{any: [a, b]}`. */
export const access = {
  roles: neededOf(role)
    .optional()
    .describe(
      'The caller needs one of these roles; `{any: […]}` says the same, `{all: […]}` asks for each of them, and both together for both.',
    ),
  scopes: neededOf(scope)
    .optional()
    .describe('The same for scopes, such as `read:tickets:own`: texts that are compared as they are.'),
};
