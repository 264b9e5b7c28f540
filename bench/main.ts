// npm run bench [-- --quick] [-- --rounds N] [-- --seconds N] [-- --only NAME …] [-- --workers N …]
//   the gateway with everything on against its peers: same upstream, same load, interleaved rounds, medians
// npm run bench -- --idle [--connections N]              what idle connections cost
// npm run bench -- --scale [--users N]                   many routes and users against few
// npm run bench -- --profile [--seconds N]               where the time goes, and a flame graph
// Each writes its part of bench/results/<commit>.json and draws it. @see docs/performance.md
import { compare } from './modes/compare.ts';
import { measureIdle } from './modes/measure-idle.ts';
import { measureProfile } from './modes/measure-profile.ts';
import { measureScale } from './modes/measure-scale.ts';
import { readOptions } from './options.ts';
import { comparisonCharts } from './report/comparison-charts.ts';
import { memoryTable, openLoopTable, saturationTable, targetsTable } from './report/comparison-tables.ts';
import { idleTable, profileTable, scaleTable } from './report/mode-tables.ts';
import { drawChart } from './report/plots.ts';
import type { Result } from './report/result.ts';
import { addToResult, writePicture } from './report/results-file.ts';
import { asText, type Table } from './report/table.ts';
import { setUpRig } from './rig/rig.ts';

const CONNECTIONS = 32;

const options = readOptions(process.argv.slice(2));
const say = (text: string) => console.log(`• ${text}`);
const print = (table: Table) => console.log(`\n${asText(table)}`);
const rig = await setUpRig();
try {
  const { commit } = await run();
  say(`written to bench/results/${commit}.json`);
} finally {
  await rig.tearDown();
}

function run(): Promise<Result> {
  return { compare: runComparison, idle: runIdle, scale: runScale, profile: runProfile }[options.mode]();
}

async function runComparison(): Promise<Result> {
  const comparison = await compare({ ...options, rig, connections: CONNECTIONS, say });
  for (const workers of options.workers) {
    print(saturationTable(comparison, workers));
    print(openLoopTable(comparison, workers));
  }
  print(memoryTable(comparison));
  const result = addToResult({ part: { comparison }, isTrial: options.isTrial });
  print(targetsTable(result));
  for (const { name, option } of comparisonCharts(comparison)) {
    writePicture(result, { name, svg: drawChart({ option }) });
  }
  return result;
}

async function runIdle(): Promise<Result> {
  const { idleConnections: connections, rounds } = options;
  const idle = await measureIdle({ rig, connections, rounds, say });
  print(idleTable(idle));
  return addToResult({ part: { idle } });
}

async function runScale(): Promise<Result> {
  const scale = await measureScale({ ...options, rig, say });
  print(scaleTable(scale));
  return addToResult({ part: { scale } });
}

async function runProfile(): Promise<Result> {
  const { profile, flameGraph } = await measureProfile({ ...options, rig, connections: CONNECTIONS, say });
  print(profileTable(profile));
  const result = addToResult({ part: { profile } });
  writePicture(result, { name: 'flame', svg: flameGraph });
  return result;
}
