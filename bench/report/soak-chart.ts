import type { Series } from '../soak/trend.ts';
import { chartHead } from './chart-head.ts';

const ROWS = [
  { title: 'MiB', pattern: /memory|heap/ },
  { title: 'open handles', pattern: /handles/ },
  { title: 'live objects', pattern: /emitters|functions/ },
  { title: 'event-loop delay p99, ms', pattern: /delay/ },
] as const;
const TOP_PERCENT = 16;
const ROW_PERCENT = 21;

/** Options of ECharts for what was seen during a soak: memory, handles, objects and delays, one below the other. */
export function soakChart(series: readonly Series[]): object {
  return {
    ...chartHead('Soak with faults: two workers'),
    grid: ROWS.map((_, row) => ({ left: 70, right: 30, top: `${TOP_PERCENT + row * ROW_PERCENT}%`, height: '15%' })),
    xAxis: ROWS.map((_, row) => ({ type: 'value', gridIndex: row, name: row === ROWS.length - 1 ? 's' : '' })),
    yAxis: ROWS.map(({ title }, row) => ({
      type: 'value',
      gridIndex: row,
      name: title,
      nameLocation: 'middle',
      nameGap: 45,
    })),
    series: series.map(({ name, points }) => {
      const row = ROWS.findIndex(({ pattern }) => pattern.test(name));
      const data = points.map(({ seconds, value }) => [Math.round(seconds), Math.round(value * 10) / 10]);
      return { name, type: 'line', symbol: 'none', lineStyle: { width: 1 }, xAxisIndex: row, yAxisIndex: row, data };
    }),
  };
}
