// The look of a page. Light and dark by the reader's setting, system fonts, no image.

/** How many colours fields take in turn. */
export const HUES: readonly number[] = [210, 150, 35, 280, 185, 340, 70, 250];

const hues = HUES.map((hue, i) => `.m${i}{--h:${hue}}`).join("\n");
/** The places of 64 columns. */
const places = Array.from(
  { length: 64 },
  (_, i) => `.c${i}{grid-column-start:${i + 1}}.w${i + 1}{grid-column-end:span ${i + 1}}`,
);

export const STYLE: string = `
:root{color-scheme:light dark;--bg:#fff;--soft:#f6f7f8;--line:#dfe3e8;--fg:#1c2126;--dim:#5b6570;--accent:#0a58b5;--warn:#8a4b00;
--warnbg:#fff6e5;--cs:62%;--cl:88%;--kernel:#e9d3d3;--hatch:#c3cad2;--edge:#b4bdc7;
--mono:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
@media (prefers-color-scheme:dark){:root{--bg:#14171a;--soft:#1c2024;--line:#31373e;--fg:#e6e9ec;--dim:#9aa4af;--accent:#79b3ff;
--warn:#ffc46b;--warnbg:#2b2315;--cs:34%;--cl:27%;--kernel:#4b2c2c;--hatch:#3f474f;--edge:#4d5660}}
*{box-sizing:border-box}
html{scroll-behavior:smooth;-webkit-text-size-adjust:100%}
@media (prefers-reduced-motion:reduce){html{scroll-behavior:auto}}
body{margin:0;background:var(--bg);color:var(--fg);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;overflow-wrap:anywhere}
header,main,footer{max-width:64rem;margin:0 auto;padding:0 1.5rem}
header{padding-top:3rem}
h1{font-size:1.9rem;line-height:1.2;margin:0 0 .6rem;font-weight:650;letter-spacing:-.01em}
h2{font-size:1.3rem;margin:3.5rem 0 .4rem;font-weight:650}
h3{font:600 1rem/1.4 var(--mono);margin:0}
h2+p{margin-top:0}
p{margin:.6rem 0}
a{color:var(--accent);text-decoration:none}
a:hover{text-decoration:underline}
:focus-visible{outline:2px solid var(--accent);outline-offset:2px;border-radius:3px}
:target{scroll-margin-top:1rem}
article:target,tr:target th{box-shadow:-4px 0 0 var(--accent)}
code,.code{font-family:var(--mono);font-size:.875em}
.dim{color:var(--dim)}
.facts{color:var(--dim);margin:0}
nav ul{display:flex;flex-wrap:wrap;gap:.4rem 1.5rem;list-style:none;padding:0;margin:1.4rem 0 0}
nav{border-bottom:1px solid var(--line);padding-bottom:1.2rem}
.warnings{background:var(--warnbg);border-radius:8px;padding:.2rem 1.25rem 1rem;margin-top:2rem}
.warnings h2{margin-top:1rem;font-size:1.05rem;color:var(--warn)}
.warnings ul{margin:.4rem 0 0;padding-left:1.1rem}
.scroll{overflow-x:auto}
figure{margin:1.2rem 0 0}
figcaption{color:var(--dim);font-size:.875rem;margin-top:.5rem}
svg{display:block;min-width:620px;width:100%;height:auto;max-width:62rem}
svg text{font:13px var(--mono);fill:var(--fg)}
svg .head{font:600 13px system-ui,"DejaVu Sans",sans-serif;fill:var(--dim)}
svg .sub{fill:var(--dim)}
svg rect{fill:var(--soft);stroke:var(--line)}
svg a{outline-offset:0}
svg a:hover rect,svg a:focus-visible rect{stroke:var(--accent)}
svg .idle{opacity:.55}
svg .edge{fill:none;stroke:var(--edge);stroke-width:1.5}
svg .slot{stroke-dasharray:4 4}
svg .reach{fill:none;stroke:transparent;stroke-width:10}
svg .link:hover .edge{stroke:var(--accent);stroke-width:2.5}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,26rem),1fr));gap:1rem;margin-top:1.2rem}
article{background:var(--soft);border-radius:8px;padding:1rem 1.25rem;min-width:0}
dl{display:grid;grid-template-columns:7rem minmax(0,1fr);gap:.25rem .75rem;margin:.6rem 0 0;font-size:.9375rem}
dt{color:var(--dim)}
dd{margin:0}
.badge{display:inline-block;font:500 .75rem/1.5 system-ui,"DejaVu Sans",sans-serif;border:1px solid var(--line);border-radius:99px;padding:0 .6em;margin-left:.5em;color:var(--dim);background:var(--bg);vertical-align:1px}
table{border-collapse:collapse;width:100%;font-size:.9375rem;margin-top:.9rem}
th,td{text-align:left;vertical-align:top;padding:.4rem .75rem .4rem 0;border-top:1px solid var(--line);font-weight:400}
thead th{border-top:0;color:var(--dim);font-size:.8125rem;padding-bottom:.25rem}
tbody th{font-weight:500}
.n{text-align:right;color:var(--dim);white-space:nowrap}
td.n{font:.875em/1.75 var(--mono)}
th.n{width:4.5rem}
.type{margin-top:2rem;background:none;padding:0;border-radius:0}
.type+.type{border-top:1px solid var(--line);padding-top:1.75rem}
.values{display:flex;flex-wrap:wrap;gap:.2rem 1.5rem;list-style:none;margin:.6rem 0 0;padding:0}
.sums{color:var(--dim);font-size:.875rem;margin:.2rem 0 0}
.legend{display:flex;flex-wrap:wrap;gap:.3rem 1.4rem;list-style:none;margin:.8rem 0 0;padding:0;font-size:.875rem;color:var(--dim)}
.key{display:inline-block;width:1.5rem;height:.9rem;border-radius:3px;vertical-align:-2px;margin-right:.45em}
.bytes{margin:1rem 0 0;font:12px/1 var(--mono);max-width:48rem}
.line,.ruler{display:grid;grid-template-columns:3.2rem minmax(0,1fr);align-items:center;margin-top:2px}
.off{color:var(--dim);padding-right:.6rem;text-align:right}
.cells{display:grid;grid-template-columns:repeat(64,minmax(0,1fr));position:relative}
.ruler .cells{color:var(--dim);font-size:11px}
.ruler .cells span{padding-left:.45em}
.cell{height:1.9rem;line-height:1.9rem;padding:0 .45em;overflow:hidden;white-space:nowrap;text-overflow:ellipsis;border-right:2px solid var(--bg);border-radius:4px}
.field,.key.field{background:hsl(var(--h,210) var(--cs) var(--cl))}
.kernel{background:var(--kernel)}
.padding{background:repeating-linear-gradient(135deg,var(--hatch) 0 1px,transparent 1px 6px),var(--soft)}
.more{font-style:italic;color:var(--dim)}
.cache{border-top:2px dashed var(--dim);padding-top:3px;margin-top:4px}
.key.cacheline{border-top:2px dashed var(--dim);height:0;vertical-align:4px;border-radius:0}
.bit .cell{padding:0 0 0 .15em;text-overflow:clip}
details{margin-top:.7rem}
summary{color:var(--dim);cursor:pointer;font-size:.9375rem;width:fit-content}
footer{color:var(--dim);font-size:.875rem;padding-top:3rem;padding-bottom:3rem}
@media (max-width:40rem){
header,main,footer{padding-left:1rem;padding-right:1rem}
header{padding-top:1.75rem}
h1{font-size:1.5rem}
dl{grid-template-columns:5.5rem minmax(0,1fr)}
.cell{padding:0 .2em;font-size:11px}
.line,.ruler{grid-template-columns:2.5rem minmax(0,1fr)}
.off{font-size:11px}
.stacked thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.stacked tr{display:block;border-top:1px solid var(--line);padding:.6rem 0}
.stacked th,.stacked td{display:block;position:relative;border:0;padding:.1rem 0;text-align:left}
.stacked td{padding-left:6rem}
.stacked td:empty{display:none}
.stacked td::before{content:attr(data-label);position:absolute;left:0;color:var(--dim)}
}
@media print{.scroll{overflow:visible}article{break-inside:avoid}}
${hues}
${places.join("\n")}
`;
