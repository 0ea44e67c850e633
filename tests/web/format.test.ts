import assert from "node:assert/strict";
import { test } from "node:test";
import { briefly, clock, cost, count, day, duration, moment, percent, plural, short } from "../../exporter/otel_wandb/_page/web/src/format";

const MS = 1e6, S = 1e9, MINUTE = 60e9, HOUR = 3600e9;

/** What a function says of each value. */
function says<Value>(what: (value: Value) => string, cases: [Value, string][]): void {
  for (const [value, wanted] of cases) assert.equal(what(value), wanted, `of ${value}`);
}

test("a duration", () =>
  says(duration, [
    [0, "0 ms"], [1, "1 µs"], [400, "1 µs"], [1_500, "2 µs"], [999_400, "999 µs"], [999_600, "1 ms"], [MS, "1 ms"], [1.5 * MS, "2 ms"],
    [999.4 * MS, "999 ms"], [999.6 * MS, "1.00 s"], [S, "1.00 s"], [9.99 * S, "9.99 s"], [9.996 * S, "10.0 s"], [59.94 * S, "59.9 s"], [59.96 * S, "1 m 0 s"],
    [MINUTE, "1 m 0 s"], [119.6 * S, "2 m 0 s"], [59 * MINUTE + 59.4 * S, "59 m 59 s"], [59 * MINUTE + 59.6 * S, "1 h 0 m"], [25 * HOUR + 61 * S, "25 h 1 m"],
    [-3 * S, "−3.00 s"],
  ]));

test("a duration on an axis", () =>
  says(briefly, [[500 * MS, "500 ms"], [100 * MS, "100 ms"], [S, "1 s"], [1.5 * S, "1.5 s"], [0.25 * S, "250 ms"], [1.25 * S, "1.25 s"], [10 * S, "10 s"], [20.5 * S, "20.5 s"], [2 * MINUTE, "2 m"], [100 * S, "1 m 40 s"], [2 * HOUR, "2 h"], [20 * MINUTE, "20 m"]]));

test("numbers", () => {
  says(count, [[0, "0"], [999, "999"], [1000, "1,000"], [1234567, "1,234,567"]]);
  says(short, [[0, "0"], [9_999, "9,999"], [10_000, "10.0k"], [999_949, "999.9k"], [999_950, "1.00M"], [1_234_567, "1.23M"]]);
  says((value) => plural(value, "turn"), [[0, "0 turns"], [1, "1 turn"], [2, "2 turns"], [1000, "1,000 turns"]]);
});

test("a cost that is unknown is a word, and one that is not nothing is never $0", () =>
  says(cost, [
    [null, "unknown"], [0, "$0"], [1e-9, "<$0.00001"], [0.00001, "$0.00001"], [0.0012345, "$0.00123"], [0.01, "$0.0100"], [0.5, "$0.5000"], [0.99999, "$1.0000"], [1, "$1.00"], [1234.5, "$1234.50"],
  ]));

test("a share", () =>
  says(percent, [[0, "0 %"], [0.0001, "<0.1 %"], [0.0004, "<0.1 %"], [0.0005, "0.1 %"], [0.034, "3.4 %"], [0.0996, "10 %"], [0.1, "10 %"], [0.5, "50 %"], [1, "100 %"]]));

test("times", () => {
  const at = Date.UTC(2024, 1, 29, 7, 8, 9, 45);
  assert.equal(clock(at), "07:08:09");
  assert.equal(clock(at, true), "07:08:09.045");
  assert.equal(day(at), "2024-02-29");
  assert.equal(moment(at, 500, 5_000), "07:08:09.045");
  assert.equal(moment(at, 5_000, 60_000), "07:08:09");
  assert.equal(moment(at, 60_000, 3_600_000), "07:08");
  assert.equal(moment(at, 3_600_000, 86_400_000), "02-29 07:08");
});
