/**
 * Waits until a condition holds, and returns what it found. For longer than any busy machine takes: how soon something is to
 * happen, where that is promised, is for `withinMs` to say.
 * @throws {Error} naming `what` if it never does
 */
export async function until<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
  { withinMs = 20_000, everyMs = 10 } = {},
): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > deadline) throw new Error(`waited ${withinMs} ms in vain for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
