// node bench/write-doc.ts [commit]
// Puts the figures of a result, by default the one of the files as they are, into docs/performance.md.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sectionsOf, withSections } from './report/document.ts';
import { measuredCommit, readResult, resultsFolder } from './report/results-file.ts';

const file = join(import.meta.dirname, '../docs/performance.md');
const commit = process.argv[2] ?? measuredCommit();
const result = readResult(commit);
const pictures = readdirSync(resultsFolder)
  .filter((name) => name.startsWith(`${commit}-`) && name.endsWith('.svg'))
  .map((name) => name.slice(commit.length + 1, -'.svg'.length));
writeFileSync(file, withSections(readFileSync(file, 'utf8'), sectionsOf(result, pictures)));
console.log(`• wrote the figures of ${commit} into docs/performance.md`);
