import { AggregatorRegistry, type Registry } from 'prom-client';

/** All metrics of one worker, as JSON can carry them. */
export type Snapshot = Awaited<ReturnType<Registry['getMetricsAsJSON']>>;

/** Adds up what several workers have counted. Each metric knows how: a gauge of the slowest worker is a maximum. */
export function sumOfMetrics(snapshots: readonly Snapshot[]): Promise<Snapshot> {
  return AggregatorRegistry.aggregate([...snapshots]).getMetricsAsJSON();
}

/** The sum as Prometheus reads it. @see https://prometheus.io/docs/instrumenting/exposition_formats/ */
export async function textOfMetrics(snapshots: readonly Snapshot[]): Promise<{ contentType: string; text: string }> {
  const sum = AggregatorRegistry.aggregate([...snapshots]);
  return { contentType: sum.contentType, text: await sum.metrics() };
}
