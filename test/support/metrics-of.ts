/** The samples of a Prometheus text: value by name and labels, as in `up{job="x"}`. Labels are in the order of the text. */
export type Samples = ReadonlyMap<string, number>;

/** Asks an admin listener. @throws {Error} unless it answers 200 */
export async function metricsOf(adminUrl: string): Promise<Samples> {
  const response = await fetch(`${adminUrl}/metrics`, { signal: AbortSignal.timeout(5000) });
  if (response.status !== 200) throw new Error(`/metrics answered ${response.status}`);
  const lines = (await response.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const end = line.lastIndexOf(' ');
      return [line.slice(0, end), Number(line.slice(end + 1))];
    }),
  );
}

/** The sum of a metric over all samples whose labels contain each of these, such as `route="none"`. */
export function total(samples: Samples, name: string, ...labels: string[]): number {
  const found = [...samples].filter(
    ([key]) => (key === name || key.startsWith(`${name}{`)) && labels.every((label) => key.includes(label)),
  );
  return found.reduce((sum, [, value]) => sum + value, 0);
}
