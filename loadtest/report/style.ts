/** The page's looks. It loads nothing from anywhere, so it can be kept, mailed and read offline. */
export const style = `
:root {
  color-scheme: light dark;
  --text: light-dark(#1c2430, #e3e8ef);
  --soft: light-dark(#5b6675, #97a3b3);
  --line: light-dark(#dfe4ea, #313a46);
  --page: light-dark(#f5f7f9, #12171e);
  --card: light-dark(#ffffff, #1a212b);
  --good: light-dark(#157347, #4cc38a);
  --bad: light-dark(#c02626, #ff7b72);
  --p50: light-dark(#1f6feb, #6cb0ff);
  --p95: light-dark(#9a5b00, #f0b04a);
  --p99: light-dark(#b3246f, #f27cb8);
  --mark: light-dark(#7a3ff2, #b794ff);
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1040px; margin: 0 auto; padding: 28px 20px 48px; }
h1 { margin: 0 0 4px; font-size: 26px; }
h2 { margin: 0 0 8px; font-size: 17px; }
section { margin-top: 18px; padding: 18px 20px; background: var(--card); border: 1px solid var(--line); border-radius: 10px; overflow-x: auto; }
.verdict { margin: 0; font-size: 17px; font-weight: 600; }
.passed, .yes { color: var(--good); }
.failed, .no { color: var(--bad); }
.no { font-weight: 600; }
.note, .facts { color: var(--soft); margin: 0 0 10px; }
.facts { margin: 8px 0 0; font-size: 14px; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th { text-align: left; color: var(--soft); font-weight: 500; font-size: 13px; }
th, td { padding: 5px 18px 5px 0; border-bottom: 1px solid var(--line); white-space: nowrap; }
tr:last-child td { border-bottom: 0; }
.number { text-align: right; }
th:first-child:empty { width: 2.5em; }
svg { display: block; width: 100%; height: auto; min-width: 640px; }
.grid { stroke: var(--line); }
.tick { fill: var(--soft); font-size: 12px; }
.line { fill: none; stroke-width: 1.8; stroke-linejoin: round; }
.line.p50 { stroke: var(--p50); } .line.p95 { stroke: var(--p95); } .line.p99 { stroke: var(--p99); }
.key.p50 { --key: var(--p50); } .key.p95 { --key: var(--p95); } .key.p99 { --key: var(--p99); }
.status-200, .status-2xx, .status-3xx { fill: light-dark(#5b9bf3, #4a86d8); --key: light-dark(#5b9bf3, #4a86d8); }
.status-201 { fill: light-dark(#1d5fbf, #9cc6ff); --key: light-dark(#1d5fbf, #9cc6ff); }
.status-404, .status-4xx { fill: light-dark(#a3afbd, #6b7889); --key: light-dark(#a3afbd, #6b7889); }
.status-429 { fill: light-dark(#e0a100, #f2c14e); --key: light-dark(#e0a100, #f2c14e); }
.status-503 { fill: light-dark(#d9534f, #f0726c); --key: light-dark(#d9534f, #f0726c); }
.status-502, .status-504, .status-5xx { fill: light-dark(#8f1d1d, #ff9d97); --key: light-dark(#8f1d1d, #ff9d97); }
.status-none { fill: light-dark(#1c2430, #ffffff); --key: light-dark(#1c2430, #ffffff); }
.hint { fill: transparent; }
.outage { fill: var(--bad); opacity: 0.09; }
.mark { stroke: var(--mark); stroke-dasharray: 3 3; }
.mark-text { fill: var(--mark); font-size: 11px; }
.legend { margin: 6px 0 0; color: var(--soft); font-size: 13px; }
.key { margin-right: 16px; }
.key::before { content: ''; display: inline-block; width: 11px; height: 11px; margin-right: 6px; border-radius: 2px; background: var(--key); vertical-align: -1px; }
`;
