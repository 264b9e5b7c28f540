import { z } from 'zod';

/** A request body with these fields and no others; a field it doesn't know is refused, naming those it does. */
export function bodyOf<Shape extends z.core.$ZodLooseShape>(shape: Shape) {
  const allowed = Object.keys(shape).join(', ');
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys' ? `Unknown: ${issue.keys.join(', ')}; expected only: ${allowed}` : undefined,
  });
}
