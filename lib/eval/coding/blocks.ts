/** Blocks of code in braces, in C++, Java and C#. */
import { escaped } from "./extract.ts";

/** A block with what declares it. */
export interface CodeBlock {
  /** Where its declaration begins: behind the statement or block before it. */
  readonly start: number;
  /** Its opening brace. */
  readonly open: number;
  /** Its closing brace; the end of the text where it has none. */
  readonly close: number;
  /** Blocks around it. */
  readonly depth: number;
  /** Its declaration without comments and strings. */
  readonly head: string;
}

/** Comments and strings, or what is left of one that does not end. */
const UNREAD =
  /\/\/.*|\/\*[^]*?(?:\*\/|$)|"""[^]*?(?:"""|$)|@"[^"]*"?|"(?:[^"\\\n]|\\.)*"?|(?<!\w)'(?:[^'\\\n]|\\.)*'?/g;

/** The code with blanks for comments and strings: every index stays. */
function bareCode(code: string): string {
  return code.replace(UNREAD, (text) => text.replace(/[^\n]/g, " "));
}

/** All blocks, outer ones before those inside them. */
export function codeBlocks(code: string): CodeBlock[] {
  const bare = bareCode(code);
  const blocks: { -readonly [K in keyof CodeBlock]: CodeBlock[K] }[] = [];
  const around: typeof blocks = [];
  let start = 0;
  for (const { 0: mark, index } of bare.matchAll(/[{};]|^[^\S\n]*#.*/gm)) {
    if (mark === "{") {
      const head = bare.slice(start, index);
      const block = { start, open: index, close: code.length, depth: around.length, head };
      blocks.push(block);
      around.push(block);
    } else if (mark === "}") {
      const block = around.pop();
      if (block) block.close = index;
    }
    start = index + mark.length;
  }
  return blocks;
}

/** What begins a statement that is no function's declaration. */
export const CONTROL = /^\s{0,99}(?:\}?\s{0,9}else\s{1,9})?(?:if|for|while|switch|return)\b/;

/** The block of a function of this name, the outermost of several. */
export function functionBlock(blocks: readonly CodeBlock[], name: string): CodeBlock | undefined {
  const declared = new RegExp(`^[^=]*(?<![\\w.])${escaped(name)}\\s{0,10}\\(`);
  return blocks.filter(({ head }) => declared.test(head) && !CONTROL.test(head))
    .sort((a, b) => a.depth - b.depth)[0];
}

/** The code without a block and its declaration. */
export function withoutBlock(code: string, { start, close }: CodeBlock): string {
  return `${code.slice(0, start)}\n${code.slice(close + 1)}`;
}

/** The code up to the end of its last block, without its main function: what stands behind are calls or prose. */
export function definitions(code: string): string {
  const main = codeBlocks(code).find(({ head }) => /\b(?:int|void|Task)\s+[mM]ain\s*\(/.test(head));
  const rest = main ? withoutBlock(code, main) : code;
  const end = codeBlocks(rest).reduce((last, { close }) => Math.max(last, close), -1);
  return end < 0 ? rest : rest.slice(0, end + 1);
}

/** The code with the closing braces that it lacks. */
export function closed(code: string): string {
  const open = codeBlocks(code).filter(({ close }) => close === code.length).length;
  return `${code}\n${"}".repeat(open)}`;
}
