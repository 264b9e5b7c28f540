import { type Scene, type Step, Unexpected } from './scene.ts';

/**
 * Takes one step after the other. One that fails is shown with what was expected and what came, and the next ones still run.
 * @returns how many failed
 * @throws the signal's reason, once it has fired
 */
export async function takeWalk(steps: readonly Step[], scene: Scene): Promise<number> {
  let failures = 0;
  for (const [index, { title, why, run }] of steps.entries()) {
    scene.print.step({ number: index + 1, title, why });
    try {
      await run(scene);
      scene.print.passed();
    } catch (error) {
      scene.signal.throwIfAborted();
      failures++;
      if (error instanceof Unexpected) scene.print.failed(error.expected, error.came);
      else scene.print.failed('no error', error instanceof Error ? error.message : String(error));
    }
  }
  return failures;
}
