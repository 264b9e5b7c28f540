import { STATUS_CODES } from 'node:http';
import { z } from 'zod';

/** The body of every error answer. @see RFC 9457 */
export const problemSchema = z
  .object({
    type: z.literal('about:blank'),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    errors: z
      .array(z.object({ at: z.string(), detail: z.string() }))
      .optional()
      .describe('Every value that was refused: where it stood, and what was expected there'),
  })
  .meta({ id: 'Problem' });

/** One refused value: where it stood (`body.email`), and what was expected there. */
export interface Refusal {
  at: string;
  detail: string;
}

interface ProblemInit {
  status: number;
  detail: string;
  errors?: readonly Refusal[];
  headers?: Readonly<Record<string, string>>;
}

/** An answer other than success; thrown anywhere, written by `answerProblem` alone. */
export class Problem extends Error {
  readonly status: number;
  readonly errors: readonly Refusal[] | undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor({ status, detail, errors, headers = {} }: ProblemInit) {
    super(detail);
    this.status = status;
    this.errors = errors;
    this.headers = headers;
  }

  /** The problem+json body. */
  toJSON(): z.infer<typeof problemSchema> {
    const title = STATUS_CODES[this.status] ?? 'Unknown';
    const errors = this.errors ? { errors: [...this.errors] } : {};
    return { type: 'about:blank', title, status: this.status, detail: this.message, ...errors };
  }
}
