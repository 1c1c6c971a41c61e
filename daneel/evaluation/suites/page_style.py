"""What the page of a suite adds to the style sheet of reports."""

CSS = """
main { max-width: 1160px; }
.soft { color: var(--soft); font-size: 12.5px; }
.warn { border-left: 3px solid var(--unknown); }
.meter { position: relative; height: 14px; min-width: 120px; margin: 4px 0; border-radius: 3px;
  background: var(--line); }
.meter i { position: absolute; display: block; }
.meter .fill { inset: 0 auto 0 0; background: var(--accent); opacity: .62; border-radius: 3px; }
.meter .whisk { top: 6px; height: 2px; min-width: 2px; background: var(--ink); opacity: .8; }
.meter .whisk::before, .meter .whisk::after { content: ""; position: absolute; top: -3px;
  height: 8px; width: 1.5px; background: inherit; }
.meter .whisk::before { left: 0; } .meter .whisk::after { right: 0; }
.meter .ceiling, .meter .floor { top: -4px; bottom: -4px; width: 0; border-left: 2px solid;
  transform: translateX(-1px); }
.meter .ceiling, .key.ceiling { border-color: var(--good); }
.meter .floor, .key.floor { border-color: var(--second); border-left-style: dotted; }
.key.ceiling, .key.floor { width: 0; height: 15px; border-width: 0 0 0 2.5px; border-radius: 0;
  border-left-style: solid; }
.key.floor { border-left-style: dotted; }
.key.fill { height: 11px; border: 0; background: var(--accent); opacity: .62; }
.key.whisk { border-color: var(--ink); border-top-width: 2px; }
.plot .frame { stroke: none; }
.plot .ceilingline { stroke: var(--good); stroke-width: 1.6; }
.plot .floorline { stroke: var(--second); stroke-width: 1.6; stroke-dasharray: 3 3; }
.key.ceilingline { border-color: var(--good); }
.key.floorline { border-color: var(--second); border-top-style: dotted; }
.blocks td { vertical-align: middle; }
.blocks td:nth-child(2) { width: 34%; }
.blocks tr:nth-child(2) { font-weight: 600; }
.blocks .n { white-space: nowrap; }
.filters { display: flex; flex-wrap: wrap; gap: 10px 14px; align-items: end; margin: 4px 0 14px; }
.filters label { font-size: 12.5px; color: var(--soft); display: grid; gap: 3px; }
.filters[hidden] { display: none; }
.filters .wide { flex: 1 1 200px; }
input, select { font: inherit; font-size: 14px; color: var(--ink); background: var(--page);
  border: 1px solid var(--line); border-radius: 7px; padding: 6px 10px; width: 100%; height: 36px; }
.filters output { font-size: 13.5px; color: var(--soft); padding-bottom: 7px; min-width: 15em;
  font-variant-numeric: tabular-nums; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 4px; }
button { font: inherit; color: inherit; background: none; border: 0; padding: 0; cursor: pointer;
  text-align: inherit; }
th button::after { content: "\\2195"; opacity: .35; padding-left: 5px; }
th[aria-sort="ascending"] button::after { content: "\\2191"; opacity: 1; }
th[aria-sort="descending"] button::after { content: "\\2193"; opacity: 1; }
th[aria-sort] button { color: var(--ink); }
.skills { font-size: 14px; }
.skills th { white-space: nowrap; vertical-align: bottom; }
.skills .row td { vertical-align: middle; padding-top: 8px; padding-bottom: 8px; }
.skills .row.opens { cursor: pointer; }
.skills .row.opens:hover { background: color-mix(in srgb, var(--accent) 6%, transparent); }
.skills .pic { width: 1%; padding-right: 12px; }
.skills .pic img { display: block; width: 72px; height: 54px; object-fit: cover;
  border-radius: 6px; background: var(--code); }
.skills .bar { width: 26%; }
.skills .name { font-weight: 600; overflow-wrap: anywhere; }
.skills button.name::before { content: "\\25B8"; display: inline-block; width: 1em;
  height: 1em; line-height: 1em; margin-right: .25em; text-align: center; color: var(--soft);
  transition: transform .12s; }
.skills button.name[aria-expanded="true"]::before { transform: rotate(90deg); }
.skills .n { white-space: nowrap; }
.skills .chip { font-size: 11.5px; padding: 0 8px 1px; }
.skills .why { color: var(--soft); font-size: 13px; overflow-wrap: anywhere; }
.skills tbody:last-child tr:last-child td, .skills .row:has(+ .more:not([hidden])) td {
  border-bottom: 0; }
.skills tr:last-child td { border-bottom: 1px solid var(--line); }
.more td { padding: 2px 0 20px; }
.films { display: grid; gap: 14px; margin-bottom: 14px;
  grid-template-columns: repeat(auto-fill, minmax(210px, 1fr)); max-width: 860px; }
figure { margin: 0; min-width: 0; } figcaption { margin-top: 5px; }
figcaption b { color: var(--ink); font-weight: 600; }
.films video { aspect-ratio: 4 / 3; object-fit: contain; }
.outcomes { display: flex; flex-wrap: wrap; gap: 4px; list-style: none; padding: 0;
  margin: 0 0 14px; }
.outcomes li { min-width: 22px; height: 22px; border-radius: 5px; font-size: 12px;
  line-height: 22px; text-align: center; }
.quiet { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%);
  white-space: nowrap; }
.how li { margin-bottom: 5px; } .how { padding-left: 20px; margin: 12px 0 0; font-size: 14px; }
.phone { display: none !important; }
@media (max-width: 760px) {
  .phone { display: grid !important; }
  .filters > * { flex: 1 1 130px; } .filters .wide, .filters output { flex-basis: 100%; }
  .filters output { padding: 0; }
  .skills, .skills tbody, .skills .more, .skills .more td { display: block; }
  .skills thead { display: none; }
  .skills tbody[hidden], .skills .more[hidden] { display: none; }
  .skills .row { display: grid; grid-template-columns: 1.4fr 1.4fr 1fr 1fr; gap: 2px 8px;
    padding: 12px 0; border-bottom: 1px solid var(--line); }
  .skills.filmed .row { grid-template-columns: 70px 1.4fr 1.4fr 1fr 1fr; }
  .skills .row td { border: 0; padding: 0; width: auto; white-space: normal; }
  .skills .pic { grid-row: 1 / span 3; } .skills .pic img { width: 62px; height: 62px; }
  .skills .who, .skills .bar, .skills .why { grid-column: span 4; }
  .skills .who { display: flex; flex-wrap: wrap; gap: 0 10px; align-items: baseline; }
  .skills .row .n { text-align: left; font-size: 13.5px; }
  .skills .row .n[data-label]::before { content: attr(data-label); display: block;
    color: var(--soft); font-size: 11.5px; }
  .skills .row .n .soft { display: block; font-size: 11.5px; }
  .skills .row:has(+ .more:not([hidden])) { border-bottom: 0; padding-bottom: 6px; }
  .skills .more { padding-bottom: 6px; border-bottom: 1px solid var(--line); }
  .skills .more td { border: 0 !important; padding: 4px 0 10px; }
  .films { grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); }
}
@media (max-width: 600px) {
  .blocks .wide { display: none; }
  .meter { min-width: 70px; }
}
@media print { .filters { display: none; } }
"""
