import assert from "node:assert/strict";
import { test } from "node:test";
import { ascending, known, medianInterval, quantile, ticks, wilson, wordDiff } from "../../exporter/otel_wandb/_page/web/src/figures";

const close = (got: number, wanted: number, by = 1e-4): void => assert.ok(Math.abs(got - wanted) <= by, `${got} is not ${wanted}`);

test("a quantile lies between two ranks by their distance", () => {
  assert.equal(quantile([10, 20, 30, 40], 0), 10);
  assert.equal(quantile([10, 20, 30, 40], 1), 40);
  assert.equal(quantile([10, 20, 30, 40], 0.5), 25);
  close(quantile([10, 20, 30, 40], 0.95), 38.5);
  assert.equal(quantile([7], 0.05), 7);
  assert.ok(Number.isNaN(quantile([], 0.5)));
});

test("numbers are put in order as numbers, and what was given stays as it was", () => {
  const given = [100, 9, -1, 9, 0.5];
  assert.deepEqual(ascending(given), [-1, 0.5, 9, 9, 100]);
  assert.deepEqual(given, [100, 9, -1, 9, 0.5]);
});

// Newcombe (1998), table I, method 3; the last is his 0 of 29, mirrored.
for (const [hits, of, low, high] of [[81, 263, 0.2553, 0.3662], [15, 148, 0.0624, 0.1605], [0, 20, 0, 0.1611], [1, 29, 0.0061, 0.1718], [29, 29, 0.883, 1]] as const)
  test(`the interval of ${hits} in ${of}`, () => {
    const [from, to] = wilson(hits, of);
    close(from, low);
    close(to, high);
  });

test("of nothing a share may be anything", () => assert.deepEqual(wilson(0, 0), [0, 1]));

/** P(B <= most) for the number B of heads in n throws of a coin. */
function heads(n: number, most: number): number {
  let one = 0.5 ** n, sum = 0;
  for (let k = 0; k <= most; k++) {
    sum += one;
    one = (one * (n - k)) / (k + 1);
  }
  return sum;
}

test("the interval of a median covers 95 %, by the binomial distribution, and is not much wider", () => {
  for (let n = 6; n <= 500; n++) {
    const [low, high] = medianInterval(Array.from({ length: n }, (_, at) => at));
    assert.equal(low, n - 1 - high, `${n}: the two ends count alike`);
    assert.ok(1 - 2 * heads(n, low) >= 0.9499, `${n}: ranks ${low} to ${high} cover too little`);
    assert.ok(1 - 2 * heads(n, low + 1) < 0.9551, `${n}: ranks ${low} to ${high} are too far apart`);
  }
});

test("of five or fewer no interval of a median covers 95 %", () => {
  for (const few of [[], [1], [1, 1, 1], [1, 2, 3, 4, 5]]) assert.deepEqual(medianInterval(few), [-Infinity, Infinity]);
});

test("a sum knows how many it does not know", () => {
  assert.deepEqual(known([1, null, 2.5, null]), { sum: 3.5, missing: 2 });
  assert.deepEqual(known([0]), { sum: 0, missing: 0 });
  assert.deepEqual(known([null]), { sum: null, missing: 1 });
  assert.deepEqual(known([]), { sum: null, missing: 0 });
});

test("an axis has round marks, and none at its very end", () => {
  assert.deepEqual(ticks(100), [0, 50]);
  assert.deepEqual(ticks(2.4), [0, 1, 2]);
  assert.deepEqual(ticks(1e9), [0, 5e8]);
  for (const total of [1, 3, 7, 99, 1234, 5.5e9, 6e13]) {
    const made = ticks(total);
    assert.ok(made.length >= 2 && made.length <= 5, `${total}: ${made.join()}`);
    assert.ok(made.at(-1)! < total * 0.97);
  }
});

const sides = (before: string, after: string): [string, string] => {
  const made = wordDiff(before, after);
  const joined = (but: string) => made.filter(([what]) => what !== but).map(([, run]) => run).join("");
  return [joined("new"), joined("gone")];
};
const plain = (text: string): string => text.trim().split(/\s+/).join(" ");

test("what changed of the words", () => {
  assert.deepEqual(wordDiff("we ship on Friday", "we ship again on Monday"), [["same", "we ship"], ["new", " again"], ["same", " on"], ["gone", " Friday"], ["new", " Monday"]]);
  assert.deepEqual(wordDiff("a b", "a b"), [["same", "a b"]]);
  assert.deepEqual(wordDiff("", "a b"), [["new", "a b"]]);
  assert.deepEqual(wordDiff("a b", ""), [["gone", "a b"]]);
  assert.deepEqual(wordDiff("", ""), []);
});

test("the words that differ are as few as can be, and both texts are whole in it", () => {
  const before = "the kettle that you sent has a dent and the lid is loose";
  const after = "the lid that you sent is loose and has a dent";
  assert.deepEqual(sides(before, after).map(plain), [before, after]);
  const kept = wordDiff(before, after).filter(([what]) => what === "same").map(([, run]) => plain(run).split(" ").length);
  assert.equal(kept.reduce((sum, one) => sum + one, 0), 7);
});

test("spaces and lines of the newer text are kept", () => {
  assert.equal(sides("one two", "one\n\n  two\tthree")[1], "one\n\n  two\tthree");
});

test("texts that are too long to compare are new", () => {
  const long = "word ".repeat(600);
  assert.deepEqual(wordDiff(long, long), [["new", long]]);
});
