// npm run build && node bench/rotate-logs.ts [--seconds N] [--rotations N] [--rate N]
// Two PM2 workers as shipped under load while the real logrotate rotates their logs: is every request on record, once?
// Ends with 1 if not.
import { parseArgs } from 'node:util';
import { rotateUnderLoad } from './rotation/rotate-under-load.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '120' },
    rotations: { type: 'string', default: '10' },
    rate: { type: 'string', default: '1000' },
  },
});

const result = await rotateUnderLoad({
  perSecond: Number(values.rate),
  seconds: Number(values.seconds),
  rotations: Number(values.rotations),
});
console.table(result.verdicts);
console.log(JSON.stringify({ ...values, ...result, verdicts: undefined }));
process.exitCode = result.isWhole ? 0 : 1;
