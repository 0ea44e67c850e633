import assert from "node:assert/strict";
import { test } from "node:test";
import { nextBin, overTime, stretches } from "../../exporter/otel_wandb/_page/web/src/bins";
import type { Asked, Bin } from "../../exporter/otel_wandb/_page/web/src/bins";

const asked = (start: number, took = 100, failed = false): Asked => ({ start, took, failed });
const filled = (bins: Bin[]): [number, Bin][] => [...bins.entries()].filter(([, { n, failed }]) => n + failed > 0);
const NOTHING: Bin = { n: 0, failed: 0, median: NaN, p95: NaN };

test("all groups share the time and the scale", () => {
  const { from, to, step, top, beyond, groups } = overTime([[asked(0, 50), asked(900, 70)], [asked(100, 200)]]);
  assert.deepEqual([from, to, step], [0, 900, 100]);
  assert.deepEqual([top, beyond], [200, undefined]);
  assert.deepEqual(groups.map((bins) => filled(bins).map(([at]) => at)), [[0, 8], [1]]);
});

test("every call is in one bin, the last one too", () => {
  const calls = Array.from({ length: 1000 }, (_, at) => asked(at * 37 % 1009, at, at % 7 === 0));
  const [bins] = overTime([calls]).groups;
  assert.equal(bins!.length, 25);
  assert.equal(bins!.reduce((sum, { n, failed }) => sum + n + failed, 0), 1000);
  assert.equal(bins!.reduce((sum, { failed }) => sum + failed, 0), 143);
});

test("median and 95th percentile are those of the calls that were answered", () => {
  const took = [10, 20, 30, 40, 1000];
  const [bins] = overTime([[...took.map((one) => asked(5, one)), asked(5, 99_999, true)]]).groups;
  assert.deepEqual(filled(bins!).map(([at, { p95, ...rest }]) => [at, rest, Math.round(p95)]), [[4, { n: 5, failed: 1, median: 30 }, 808]]);
});

test("few calls are in fewer bins, and the middle one is an instant's", () => {
  assert.equal(overTime([[asked(0)]]).groups[0]!.length, 9);
  const many = (number: number) => overTime([Array.from({ length: number }, () => asked(7))]);
  for (const number of [1, 50, 100, 160, 10_000]) {
    const { from, to, step, groups } = many(number);
    assert.deepEqual([from, to, step], [7, 7, 0]);
    assert.deepEqual(filled(groups[0]!).map(([at]) => at), [(groups[0]!.length - 1) / 2]);
  }
});

test("a group whose calls all failed has no line, and does not make the scale", () => {
  const { top, groups } = overTime([[asked(0, 5000, true), asked(9, 5000, true)], [asked(4, 10)]]);
  assert.equal(top, 10);
  assert.deepEqual(groups[0]![0], { ...NOTHING, failed: 1 });
  assert.deepEqual(stretches(groups[0]!), []);
});

test("without any duration there is a line at the ground", () => {
  const { top, beyond, groups } = overTime([[asked(0, 0), asked(9, 0)]]);
  assert.deepEqual([top, beyond], [0, undefined]);
  assert.equal(groups[0]![0]!.median, 0);
});

test("one slow call does not press the lines to the ground", () => {
  const calls = Array.from({ length: 90 }, (_, at) => asked(at, at === 44 ? 60_000 : 100));
  const { top, beyond } = overTime([calls]);
  assert.equal(top, 400);
  assert.ok(beyond! > 10_000);
});

test("where nearly all took no time, the scale is what is left", () => {
  const { top } = overTime([[...Array.from({ length: 9 }, () => asked(0, 0)), asked(0, 80)]]);
  assert.ok(top > 0 && top <= 80);
});

test("a duration below nothing is a clock that was set back", () => {
  assert.equal(filled(overTime([[asked(0, -5)]]).groups[0]!)[0]![1].median, 0);
});

test("without a group there is nothing", () => {
  assert.deepEqual(overTime([]).groups, []);
  assert.equal(overTime([]).top, 0);
});

test("a line has a gap where nobody was answered", () => {
  const bins = [1, 2, 0, 3, 0, 0, 1].map((n): Bin => ({ ...NOTHING, n }));
  assert.deepEqual(stretches(bins), [[0, 1], [3, 3], [6, 6]]);
  assert.deepEqual(stretches([]), []);
});

test("the next bin is one in which any group has a call", () => {
  const group = (numbers: number[], failed = 0): Bin[] => numbers.map((n) => ({ ...NOTHING, n, failed: n ? 0 : failed }));
  const groups = [group([0, 1, 0, 0, 0]), group([0, 0, 0, 2, 0])];
  assert.deepEqual([nextBin(groups, -1, 1), nextBin(groups, 1, 1), nextBin(groups, 3, 1)], [1, 3, -1]);
  assert.deepEqual([nextBin(groups, 5, -1), nextBin(groups, 3, -1), nextBin(groups, 1, -1)], [3, 1, -1]);
  assert.equal(nextBin([group([0, 0], 1)], -1, 1), 0);
  assert.equal(nextBin([], -1, 1), -1);
});
