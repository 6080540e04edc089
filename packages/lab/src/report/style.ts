/** The style of the report of a run, in light and dark. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --page: light-dark(#f6f7f9, #101418);
  --surface: light-dark(#ffffff, #181e24);
  --line: light-dark(#dde2e8, #2b343d);
  --text: light-dark(#16202a, #e8edf2);
  --quiet: light-dark(#566370, #9aa8b5);
  --good: light-dark(#0c7c71, #2bb8a6);
  --bad: light-dark(#c81e33, #ff6b7a);
  --doubt: light-dark(#b45309, #f7b23b);
  font: 16px/1.5 system-ui, sans-serif;
  background: var(--page);
  color: var(--text);
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 70rem; padding: 1.5rem clamp(0.75rem, 3vw, 2rem) 3rem; }
h1 { margin: 0; font-size: 1.6rem; }
h2 { margin: 2.5rem 0 0.5rem; font-size: 1.15rem; }
p { margin: 0.4rem 0; max-width: 46rem; }
.verdict { display: inline-block; padding: 0.1rem 0.7rem; border-radius: 0.5rem; color: var(--page); }
.valid { background: var(--good); }
.invalid { background: var(--bad); }
.unknown { background: var(--doubt); }
.quiet { color: var(--quiet); }
section.anomaly { margin: 1.5rem 0; padding: 1rem; background: var(--surface); border: 1px solid var(--line); border-radius: 0.75rem; }
section.anomaly h3 { margin: 0; color: var(--bad); font-size: 1rem; }
.wide { overflow-x: auto; }
.wide svg { display: block; min-width: 44rem; width: 100%; height: auto; }
table { border-collapse: collapse; font-size: 0.9rem; }
th, td { padding: 0.25rem 0.9rem 0.25rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
th { color: var(--quiet); font-weight: 500; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
code { font: 0.9em ui-monospace, monospace; overflow-wrap: anywhere; }
svg text { font: 11px system-ui, sans-serif; fill: var(--text); }
svg .quiet { fill: var(--quiet); }
svg .axis { stroke: var(--line); }
svg .lane { stroke: var(--quiet); stroke-width: 1.5; }
svg .up { fill: var(--good); opacity: 0.3; }
svg .down { fill: var(--bad); }
svg .paused { fill: var(--doubt); }
svg .ok { fill: var(--good); stroke: var(--good); }
svg .failed { fill: var(--bad); stroke: var(--bad); }
svg .open { fill: var(--doubt); stroke: var(--doubt); }
svg .message { stroke-width: 1.2; fill: none; }
svg .fault { stroke: var(--doubt); stroke-dasharray: 3 2; }
svg .mark { fill: var(--doubt); }
`
