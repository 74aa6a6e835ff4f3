import assert from "@std/assert";
import { unroll } from "../../kernels/unroll.ts";

const squeezed = (text: string) => text.replace(/\s+/g, " ");

Deno.test("unroll() copies a marked loop's body with the index as a literal", () => {
  const text = "for (var i = 0u; i < N; i++) { // unroll\n  f(i, in);\n}\ng();\n";
  assert.equal(squeezed(unroll(text, { N: 2 })), "{ f(0u, in); }{ f(1u, in); } g(); ");
});

Deno.test("unroll() unrolls nested loops in every copy", () => {
  const text =
    "for (var i = 0u; i < 2u; i++) { // unroll\nfor (var j = 0u; j < M; j++) { // unroll\ns[i][j];\n}\n}\n";
  const flat = unroll(text, { M: 2 });
  assert.ok(!flat.includes("for"), flat);
  for (const pair of ["s[0u][0u]", "s[0u][1u]", "s[1u][0u]", "s[1u][1u]"]) {
    assert.ok(flat.includes(pair), `${pair} in ${flat}`);
  }
});

Deno.test("unroll() leaves loops without a mark or a known bound", () => {
  for (
    const head of ["for (var i = 0u; i < 4u; i++) {", "for (var i = 0u; i < K; i++) { // unroll"]
  ) {
    const text = `${head}\nf(i);\n}\n`;
    assert.equal(unroll(text, {}), text);
  }
});
