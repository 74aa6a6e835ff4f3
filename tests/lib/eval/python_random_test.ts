import assert from "node:assert/strict";
import { MersenneTwister, PythonRandom } from "../../../lib/eval/python_random.ts";

Deno.test("PythonRandom draws what CPython 3.11 draws", () => {
  const random = new PythonRandom(42);
  assert.deepEqual([random.random(), random.random(), random.random()], [
    0.6394267984578837,
    0.025010755222666936,
    0.27502931836911926,
  ]);
  assert.equal(random.uniform(-10, 40), 1.1605369074411378);
  assert.equal(random.randint(100000000000, 999999999999), 214832269481);
  assert.equal(random.randint(100000000000, 999999999999), 914655221101);
  assert.deepEqual([random.gauss(0, 1), random.gauss(0, 1), random.gauss(0, 1)], [
    0.33231834406771527,
    -0.2673374784971682,
    -0.216958684145195,
  ]);
  assert.equal(random.choice([10, 20, 30, 40, 50, 60, 70]), 20);
});

Deno.test("PythonRandom seeds by the size of the integer, in words", () => {
  assert.equal(new PythonRandom(2 ** 40 + 7).random(), 0.6137037779936511);
  assert.equal(new PythonRandom(-5).random(), new PythonRandom(5).random());
  const zero = new PythonRandom(0);
  assert.equal(zero.randrange(1), 0);
  assert.equal(zero.random(), 0.7579544029403025);
  assert.equal(zero.randrange(2 ** 32), 1806341205);
  assert.equal(zero.randrange(2 ** 52), 4376848748439138);
  const far = new PythonRandom(5);
  for (let i = 0; i < 1000; i++) far.random();
  assert.equal(far.random(), 0.8713187027692235);
  assert.throws(() => new PythonRandom(0.5), RangeError);
});

Deno.test("MersenneTwister seeded by a number draws what NumPy's RandomState draws", () => {
  const twister = new MersenneTwister(123);
  const drawn = [twister.uniform(0, 1), twister.uniform(0, 1), twister.uniform(0, 1)];
  assert.deepEqual(drawn.map((x) => x.toFixed(8)), ["0.69646919", "0.28613933", "0.22685145"]);
});
