// npm run bench:soak [-- --minutes N]
// Two workers as shipped, for a long time, with faults on both sides. Ends with 1 if anything grows, fails or ends.
import { parseArgs } from 'node:util';
import { eventsTable, trendsTable } from './report/mode-tables.ts';
import { drawChart } from './report/plots.ts';
import { addToResult, writePicture } from './report/results-file.ts';
import { soakChart } from './report/soak-chart.ts';
import { asText } from './report/table.ts';
import { soakGateway } from './soak/soak-gateway.ts';

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '10' } } });
const minutes = Number(values.minutes);
if (!Number.isInteger(minutes) || minutes < 1) {
  console.error(`--minutes: expected a whole number from 1, got ${values.minutes}`);
  process.exit(2);
}
const say = (text: string) => console.log(`• ${text}`);

const { figures: soak, series } = await soakGateway({ minutes, say });
console.log(`\n${asText(trendsTable(soak))}\n\n${asText(eventsTable(soak))}\n`);
const result = addToResult({ part: { soak } });
writePicture(result, { name: 'soak', svg: drawChart({ option: soakChart(series), height: 900 }) });
say(`restarts: ${soak.restarts}; ${soak.isSound ? 'sound: nothing grew, nothing failed' : 'NOT SOUND'}`);
say(`written to bench/results/${result.commit}.json`);
process.exitCode = soak.isSound ? 0 : 1;
