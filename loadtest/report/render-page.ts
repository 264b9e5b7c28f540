import type { Result } from '../run/result.ts';
import { escapeHtml } from './escape.ts';
import { plotLatency } from './plot-latency.ts';
import { plotRate } from './plot-rate.ts';
import { style } from './style.ts';
import { numericColumns, type Table, tablesOf } from './tables.ts';

/** The report as a page of its own, without a script and without anything from elsewhere. */
export function renderPage(result: Result): string {
  const [verdict, ...tables] = tablesOf(result).map(renderTable);
  const title = `Load test “${result.profile}”`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>${escapeHtml(title)}</title>
<style>${style}</style>
</head>
<body>
<main>
<h1>${escapeHtml(title)}</h1>
<p class="verdict ${result.isPassed ? 'passed' : 'failed'}">${result.isPassed ? '✔ Every target is met.' : '✘ Not every target is met.'}</p>
<p class="facts">${factsOf(result).map(escapeHtml).join('<br>')}</p>
${verdict}
<section><h2>Latency over time</h2>${plotLatency(result)}</section>
<section><h2>Answers per second, by status</h2>${plotRate(result)}</section>
${tables.join('\n')}
</main>
</body>
</html>
`;
}

function factsOf({ startedAt, gateway, environment }: Result): string[] {
  const { cores, processor, node, commit, loadBefore } = environment;
  const date = `${startedAt.slice(0, 10)} ${startedAt.slice(11, 19)} UTC`;
  return [
    `${date} · commit ${commit} · Node ${node}`,
    `${cores} cores (${processor}), load average before the run ${loadBefore.toFixed(2)}`,
    `Gateway: ${gateway}`,
  ];
}

function renderTable({ title, note, head, rows }: Table): string {
  const isNumeric = numericColumns({ head, rows });
  const classOf = (column: number) => (isNumeric[column] ? ' class="number"' : '');
  const cells = (row: readonly string[]) =>
    row.map((cell, column) => `<td${classOf(column)}>${mark(cell)}</td>`).join('');
  return `<section>
<h2>${escapeHtml(title)}</h2>
${note === undefined ? '' : `<p class="note">${escapeHtml(note)}</p>`}
<table>
<thead><tr>${head.map((name, column) => `<th${classOf(column)}>${escapeHtml(name)}</th>`).join('')}</tr></thead>
<tbody>
${rows.map((row) => `<tr>${cells(row)}</tr>`).join('\n')}
</tbody>
</table>
</section>`;
}

function mark(cell: string): string {
  if (cell === '✔') return '<span class="yes">✔</span>';
  return cell === '✘' ? '<span class="no">✘</span>' : escapeHtml(cell);
}
