import { z } from 'zod';

/** What `identity` of `gateway.yaml` says of tokens beyond those of JWT_SECRET. */
export const identitySettings = {
  scopeClaims: z
    .array(z.string().min(1))
    .default(['scope', 'scp', 'permissions'])
    .describe('The claims that hold scopes, as a text with spaces between or as a list; all of them count.'),
};
