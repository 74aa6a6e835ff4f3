/**
 * Edit distance of ordered trees (Zhang and Shasha, 1989) with whole subtrees inserted or deleted at a
 * discount, as PHYBench (Qiu et al., 2025) extends it.
 */

/** A labelled ordered tree. */
export interface Tree {
  readonly label: string;
  readonly children: readonly Tree[];
}

/** Number of nodes. */
export function treeSize(tree: Tree): number {
  return tree.children.reduce((total, child) => total + treeSize(child), 1);
}

const DISCOUNT = 0.6;
/** Subtrees up to this size have no discount. */
const BAR = 5;

interface Node {
  readonly label: string;
  /** Post-order index of its leftmost leaf. */
  readonly left: number;
  /** Cost of inserting or deleting the whole subtree. */
  readonly whole: number;
}

function postorder(tree: Tree, nodes: Node[] = []): Node[] {
  let left = nodes.length;
  for (const [i, child] of tree.children.entries()) {
    postorder(child, nodes);
    if (i === 0) left = nodes.at(-1)!.left;
  }
  const size = treeSize(tree);
  nodes.push({ label: tree.label, left, whole: Math.min(size, DISCOUNT * (size - BAR) + BAR) });
  return nodes;
}

/** The last node for every leftmost leaf, in order. */
function keyroots(nodes: readonly Node[]): number[] {
  const last = new Map(nodes.map((node, i) => [node.left, i]));
  return [...last.values()].sort((a, b) => a - b);
}

/** The distance; every single insertion, deletion and change costs 1. */
export function treeDistance(from: Tree, to: Tree): number {
  const a = postorder(from);
  const b = postorder(to);
  const trees = a.map(() => new Float64Array(b.length));
  const forest = Array.from(
    { length: a.length + 1 },
    () => new Float64Array(b.length + 1).fill(1000),
  );
  for (const x of keyroots(a)) {
    for (const y of keyroots(b)) forests(a, b, { x, y, trees, forest });
  }
  return trees.at(-1)!.at(-1)!;
}

interface Work {
  readonly x: number;
  readonly y: number;
  readonly trees: Float64Array[];
  readonly forest: Float64Array[];
}

function forests(a: readonly Node[], b: readonly Node[], { x, y, trees, forest }: Work): void {
  const la = a[x]!.left;
  const lb = b[y]!.left;
  forest[la]![lb] = 0;
  for (let i = la; i <= x; i++) forest[i + 1]![lb] = forest[a[i]!.left]![lb]! + a[i]!.whole;
  for (let j = lb; j <= y; j++) forest[la]![j + 1] = forest[la]![b[j]!.left]! + b[j]!.whole;
  for (let i = la; i <= x; i++) {
    for (let j = lb; j <= y; j++) {
      const [p, q] = [a[i]!, b[j]!];
      const least = Math.min(
        forest[i]![j + 1]! + 1,
        forest[i + 1]![j]! + 1,
        forest[p.left]![j + 1]! + p.whole,
        forest[i + 1]![q.left]! + q.whole,
      );
      if (p.left === la && q.left === lb) {
        const change = p.label === q.label ? 0 : 1;
        trees[i]![j] = Math.min(least, forest[i]![j]! + change);
        forest[i + 1]![j + 1] = trees[i]![j]!;
      } else {
        forest[i + 1]![j + 1] = Math.min(least, forest[p.left]![q.left]! + trees[i]![j]!);
      }
    }
  }
}
