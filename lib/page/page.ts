/** A self-contained page: nothing is loaded, light and dark follow the reader's system. */
import { COLORS, escape } from "./svg.ts";

const STYLE = `
:root{color-scheme:light dark;--ink:#1c2733;--soft:#5d6b7a;--line:#d9dfe6;--back:#fff;--panel:#f6f8fa;
${COLORS.map((color, i) => `--c${i}:${color}`).join(";")}}
@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9aa7b4;--line:#30363d;--back:#0d1117;--panel:#161b22}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--back);max-width:1000px;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem;margin:0}h2{font-size:1.1rem;margin:2.2rem 0 .6rem}p{color:var(--soft);margin:.3rem 0}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}th{text-align:left;color:var(--soft);font-weight:500}
td,th{padding:.3rem .6rem;border-bottom:1px solid var(--line)}td:last-child{overflow-wrap:anywhere}.scroll td:last-child{min-width:15rem}td.n,th.n{text-align:right}
details table{width:auto;margin:.4rem 0 1rem}tr:last-child td{border-bottom:0}
svg{width:100%;max-width:760px;background:var(--panel);border-radius:8px}svg text{font:12px system-ui;fill:var(--soft)}
.grid{stroke:var(--line);fill:none}.whisker{stroke:var(--ink);stroke-width:1.5}.axis{text-anchor:middle}
.line{fill:none;stroke-width:2}.spread{opacity:.2}.band{fill:var(--line);opacity:.4}
${[0, 1, 2, 3, 4].map((i) => `.s${i}{fill:var(--c${i})}.l${i}{stroke:var(--c${i})}`).join("")}
.range{position:relative;height:.6rem;background:var(--panel);border-radius:3px;min-width:120px}
.range i{position:absolute;top:0;bottom:0;background:var(--c0);opacity:.35;border-radius:3px}
.range b{position:absolute;top:-2px;bottom:-2px;width:2px;background:var(--c0)}
.scroll{overflow-x:auto}@media(max-width:600px){svg{min-width:480px}}
pre{background:var(--panel);padding:.8rem;border-radius:8px;overflow:auto;font-size:12px}details{margin:.5rem 0}summary{cursor:pointer}
`;

/** What is wider than a phone: it scrolls by itself there, with text of a size that can be read. */
export function wide(html: string): string {
  return `<div class="scroll">${html}</div>`;
}

/** The page of these pieces of HTML; title and subtitle are plain text. */
export function page(
  title: { title: string; subtitle: string },
  body: readonly string[],
): string {
  return [pageStart(title), ...body, PAGE_END].join("\n");
}

/** How a page begins; `head` is HTML of its own styles and scripts. */
export function pageStart(
  { title, subtitle, head = "" }: { title: string; subtitle: string; head?: string },
): string {
  return [
    `<!doctype html><html lang="en"><meta charset="utf-8"><title>${escape(title)}</title>`,
    `<meta name="viewport" content="width=device-width"><style>${STYLE}</style>${head}`,
    `<h1>${escape(title)}</h1><p>${escape(subtitle)}</p>`,
  ].join("\n");
}

/** How it ends; a browser shows one that was cut off, too. */
export const PAGE_END = "</html>\n";
