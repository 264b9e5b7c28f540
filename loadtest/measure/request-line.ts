/** One request as the generator writes it down, as a JSON array in a line of its own. */
export type RequestLine = readonly [
  /** Milliseconds since 1970, with decimals. */
  startMs: number,
  /** To the last byte of the answer. */
  durationMs: number,
  method: string,
  path: string,
  /** 0: no answer, or not all of it. */
  status: number,
  /** Of the gateway, or the error's code; empty if there is none. */
  reason: string,
];
