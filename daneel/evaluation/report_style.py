"""The one style sheet of `report.html`: light and dark, any width, on screen and on paper."""

CSS = """
:root {
  color-scheme: light dark;
  --page: #f6f6f4; --card: #ffffff; --ink: #23221f; --soft: #6a6862; --line: #e3e2de;
  --grid: #ecebe7; --accent: #0b6e99; --second: #c2620a; --raw: #0b6e9973; --band: #0b6e9924;
  --good: #2f7d4f; --goodback: #e4f2e9; --bad: #b3261e; --badback: #fbe9e7; --unknown: #8a6100;
  --unknownback: #fbf1d9; --code: #f1f0ec;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #151514; --card: #1e1e1c; --ink: #ecebe6; --soft: #a3a199; --line: #34332f;
    --grid: #2b2a27; --accent: #5fb8de; --second: #f0a35c; --raw: #5fb8de80; --band: #5fb8de2e;
    --good: #7fcf9d; --goodback: #1d3326; --bad: #ff9a90; --badback: #3d201d; --unknown: #f0cb74;
    --unknownback: #3a3017; --code: #272623;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--ink); line-height: 1.5;
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
  -webkit-text-size-adjust: 100%;
}
main { max-width: 1040px; margin: 0 auto; padding: 32px 20px 48px; }
header { margin-bottom: 20px; }
h1 { font-size: 26px; line-height: 1.2; letter-spacing: -.015em; margin: 0 0 6px;
  overflow-wrap: anywhere; }
h2 { font-size: 16px; letter-spacing: -.005em; margin: 0 0 12px; }
h3 { font-size: 13px; font-weight: 600; margin: 0 0 8px; overflow-wrap: anywhere; }
p { margin: 0 0 10px; }
.brand { color: var(--accent); font-weight: 650; font-size: 13px; letter-spacing: .02em;
  margin: 0 0 10px; }
.sub, .note, figcaption { color: var(--soft); }
.note, figcaption, .sub { font-size: 13.5px; }
.note:last-child, section > :last-child { margin-bottom: 0; }
section, .tile { background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
section { padding: 18px 20px 20px; margin-top: 16px; min-width: 0; }
.tiles { display: grid; gap: 12px; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); }
.tile { padding: 13px 16px 14px; min-width: 0; }
.tile .name { color: var(--soft); font-size: 12.5px; }
.tile .value { font-size: 23px; font-weight: 620; letter-spacing: -.02em; line-height: 1.3;
  font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.tile .more { color: var(--soft); font-size: 12.5px; }
.pair { display: grid; gap: 0 16px; grid-template-columns: 3fr 2fr; align-items: stretch; }
.grid { display: grid; gap: 22px 28px;
  grid-template-columns: repeat(auto-fit, minmax(230px, 1fr)); }
.grid > * { min-width: 0; }
.chip { display: inline-block; border-radius: 99px; padding: 1px 10px 2px; font-size: 13px;
  font-weight: 600; white-space: nowrap; }
.good { color: var(--good); background: var(--goodback); }
.bad { color: var(--bad); background: var(--badback); }
.unknown { color: var(--unknown); background: var(--unknownback); }
.plain { color: var(--soft); background: var(--code); }
.tile .chip { font-size: 16px; padding: 2px 12px 3px; margin: 3px 0 2px; }
.chart { padding: 6px 6px 24px 46px; }
.chart.labelled { padding-bottom: 2px; }
.plot { position: relative; }
.plot svg { position: absolute; inset: 0; width: 100%; height: 100%; overflow: visible; }
.plot path { fill: none; vector-effect: non-scaling-stroke; stroke-linejoin: round; }
.plot .grid { stroke: var(--grid); stroke-width: 1; }
.plot .line { stroke: var(--accent); stroke-width: 2; }
.plot .raw { stroke: var(--raw); stroke-width: 1; }
.plot .evalline { stroke: var(--second); stroke-width: 1.5; }
.plot .bar { stroke: var(--second); stroke-width: 1.5; opacity: .55; }
.plot .dot, .plot .dotaccent { stroke-width: 7; stroke-linecap: round; stroke: var(--second); }
.plot .dotaccent { stroke: var(--accent); opacity: .75; }
.plot .band { fill: var(--band); stroke: none; }
.plot .rule { stroke: var(--soft); stroke-width: 1; stroke-dasharray: 2 4; }
.ty, .tx { position: absolute; color: var(--soft); font-size: 11.5px; line-height: 1;
  font-variant-numeric: tabular-nums; white-space: nowrap; }
.ty { right: calc(100% + 8px); transform: translateY(-50%); }
.tx { top: calc(100% + 9px); transform: translateX(-50%); }
.xlabel { display: block; text-align: center; color: var(--soft); font-size: 12px;
  margin: 26px 0 0; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 18px; color: var(--soft); font-size: 13px;
  margin: 0 0 8px; }
.key { display: inline-block; width: 18px; height: 0; border-top: 3px solid; border-radius: 2px;
  vertical-align: middle; margin: -2px 7px 0 0; }
.key.line { border-color: var(--accent); } .key.dot { border-color: var(--second); }
.key.raw { border-color: var(--raw); border-top-width: 2px; }
.key.band { height: 10px; border: 0; background: var(--band); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 14px;
  font-variant-numeric: tabular-nums; }
th { text-align: left; color: var(--soft); font-weight: 500; font-size: 12.5px; }
th, td { padding: 7px 14px 7px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
tr:last-child td { border-bottom: 0; }
td.n, th.n { text-align: right; }
td:last-child, th:last-child { padding-right: 0; }
.stack td { overflow-wrap: anywhere; }
.stack td:not(:last-child) { white-space: nowrap; width: 1%; }
video { display: block; width: 100%; border-radius: 8px; background: #000; }
pre { background: var(--code); border-radius: 8px; padding: 11px 14px; margin: 0 0 10px;
  font: 13px/1.55 ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  white-space: pre-wrap; overflow-wrap: anywhere; }
code { font: .92em ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  background: var(--code); border-radius: 4px; padding: 1px 5px; overflow-wrap: anywhere; }
details { border-top: 1px solid var(--line); margin-top: 14px; padding-top: 12px; }
summary { cursor: pointer; color: var(--soft); font-size: 14px; }
details pre { margin-top: 10px; }
td details { border: 0; margin-top: 2px; padding-top: 0; }
.chart + h3 { margin-top: 20px; }
.chart + .note, table + .note { margin-top: 12px; }
.split { display: flex; height: 22px; border-radius: 6px; overflow: hidden; gap: 2px;
  margin-bottom: 10px; }
.split i { display: block; min-width: 2px; }
.p0 { background: var(--accent); } .p1 { background: var(--second); }
.p2 { background: #8b6cc4; } .p3 { background: #5f9e78; } .p4 { background: #c25a86; }
.p5, .p6, .p7 { background: var(--soft); }
.swatch { display: inline-block; width: 11px; height: 11px; border-radius: 3px;
  margin-right: 8px; }
.facts { display: grid; grid-template-columns: max-content 1fr; gap: 4px 20px; margin: 0;
  font-size: 14px; }
.facts dt { color: var(--soft); } .facts dd { margin: 0; overflow-wrap: anywhere; }
footer { color: var(--soft); font-size: 13px; margin-top: 22px; }
@media (max-width: 760px) {
  .pair { grid-template-columns: 1fr; }
}
@media (max-width: 480px) {
  main { padding: 20px 12px 32px; }
  section { padding: 15px 14px 16px; }
  .tiles { grid-template-columns: 1fr 1fr; gap: 8px; }
  .tile { padding: 11px 12px; } .tile .value { font-size: 20px; }
  h1 { font-size: 22px; }
  .chart { padding-left: 38px; }
  th, td { padding-right: 10px; }
  .stack, .stack tbody, .stack tr { display: block; } .stack th { display: none; }
  .stack tr { display: grid; grid-template-columns: 1fr auto; padding: 10px 0;
    border-bottom: 1px solid var(--line); }
  .stack tr:last-child { border: 0; } .stack tr:first-child { display: none; }
  .stack td { border: 0; padding: 0; } .stack td:not(:last-child) { width: auto; }
  .stack td:last-child { grid-column: 1 / -1; padding-top: 4px; color: var(--soft); }
  .facts { grid-template-columns: 1fr; gap: 0; } .facts dd { margin-bottom: 8px; }
}
@media print {
  body { background: #fff; } section { break-inside: avoid; }
}
"""
