import type { Chart } from './comparison-charts.ts';
import { memoryTable, openLoopTable, saturationTable, targetsTable } from './comparison-tables.ts';
import { eventsTable, idleTable, profileTable, scaleTable, trendsTable } from './mode-tables.ts';
import type { Comparison, Result } from './result.ts';
import { asMarkdown, type Table } from './table.ts';

/** A text between two comments of a document that is written by the benchmark. */
export interface Section {
  readonly name: string;
  readonly text: string;
}

/** What was measured of a commit. */
export interface Measured {
  readonly result: Result;
  /** The names of those that there are. */
  readonly pictures: readonly Chart['name'][];
}

const NOT_MEASURED = 'Not measured for this commit.';

/** All sections. What was measured of several commits is that of the last. */
export function sectionsOf(measured: readonly Measured[]): Section[] {
  const all: Result = Object.assign({}, ...measured.map(({ result }) => result));
  const { comparison, idle, scale, profile, soak } = all;
  const compared = (table: (comparison: Comparison) => Table) => tableOf(comparison, table);
  const picture = (name: Chart['name'], title: string) => {
    const of = measured.findLast(({ pictures }) => pictures.includes(name));
    return of === undefined ? NOT_MEASURED : `![${title}](../bench/results/${of.result.commit}-${name}.svg)`;
  };
  return [
    { name: 'machine', text: measured.map(({ result }) => machineOf(result)).join('\n') },
    { name: 'targets', text: asMarkdown(targetsTable(all)) },
    { name: 'saturation-1', text: compared((all) => saturationTable(all, 1)) },
    { name: 'saturation-2', text: compared((all) => saturationTable(all, 2)) },
    { name: 'open-loop-1', text: compared((all) => openLoopTable(all, 1)) },
    { name: 'open-loop-2', text: compared((all) => openLoopTable(all, 2)) },
    { name: 'memory', text: compared(memoryTable) },
    { name: 'idle', text: tableOf(idle, idleTable) },
    { name: 'scale', text: tableOf(scale, scaleTable) },
    { name: 'profile', text: tableOf(profile, profileTable) },
    { name: 'soak', text: `${tableOf(soak, trendsTable)}\n\n${tableOf(soak, eventsTable)}` },
    { name: 'picture-cpu', text: picture('cpu', 'CPU per request') },
    { name: 'picture-throughput', text: picture('throughput', 'Requests per second') },
    { name: 'picture-large-bodies', text: picture('large-bodies', 'MB per CPU-second') },
    { name: 'picture-latency-saturated', text: picture('latency-saturated', 'Latency at saturation') },
    { name: 'picture-latency-1000', text: picture('latency-1000', 'Latency at 1,000 requests per second') },
    { name: 'picture-flame', text: picture('flame', 'Flame graph') },
    { name: 'picture-soak', text: picture('soak', 'Soak') },
  ];
}

/**
 * Puts each section between its comments.
 * @throws {Error} if the document lacks one
 */
export function withSections(document: string, sections: readonly Section[]): string {
  return sections.reduce((text, { name, text: content }) => {
    const [begin, end] = [`<!-- figures: ${name} -->`, '<!-- end of figures -->'];
    const from = text.indexOf(begin);
    const until = text.indexOf(end, from);
    if (from === -1 || until === -1) throw new Error(`the document has no place for ${name}`);
    return `${text.slice(0, from + begin.length)}\n\n${content}\n\n${text.slice(until)}`;
  }, document);
}

function tableOf<Figures>(figures: Figures | undefined, table: (figures: Figures) => Table): string {
  return figures === undefined ? NOT_MEASURED : asMarkdown(table(figures));
}

const PARTS = ['comparison', 'idle', 'scale', 'profile', 'soak'] as const;

function machineOf(result: Result): string {
  const { commit, node, processor, cores, comparison } = result;
  const parts = PARTS.filter((part) => result[part] !== undefined).join(', ');
  const run =
    comparison && `, ${comparison.rounds} rounds, load before the comparison ${comparison.loadBefore.toFixed(1)}`;
  return `- Commit \`${commit}\` (${parts}): Node ${node}, ${processor} with ${cores} cores${run ?? ''}.`;
}
