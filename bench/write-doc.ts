// node bench/write-doc.ts [commit …]
// Puts the figures of a result, by default the one of the files as they are, into docs/performance.md. Of several, what the last has.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Chart } from './report/comparison-charts.ts';
import { sectionsOf, withSections } from './report/document.ts';
import { measuredCommit, readResult, resultsFolder } from './report/results-file.ts';

const file = join(import.meta.dirname, '../docs/performance.md');
const commits = process.argv.length > 2 ? process.argv.slice(2) : [measuredCommit()];
const measured = commits.map((commit) => ({ result: readResult(commit), pictures: picturesOf(commit) }));
writeFileSync(file, withSections(readFileSync(file, 'utf8'), sectionsOf(measured)));
console.log(`• wrote the figures of ${commits.join(', ')} into docs/performance.md`);

function picturesOf(commit: string) {
  return readdirSync(resultsFolder)
    .filter((name) => name.startsWith(`${commit}-`) && name.endsWith('.svg'))
    .map((name) => name.slice(commit.length + 1, -'.svg'.length) as Chart['name']);
}
