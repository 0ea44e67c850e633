import assert from "node:assert/strict";
import { test } from "node:test";
import { csv } from "../../exporter/otel_wandb/_page/web/src/csv";
import type { Row } from "../../exporter/otel_wandb/_page/web/src/csv";

const ROW: Row = {
  id: "0af7", name: "chat gpt-4", model: "gpt-4", started: Date.UTC(2024, 0, 5, 12, 0, 0, 7), duration: 12.5, error: "", calls: 2, input: 10, output: null,
  total: 10, estimated: true, cost: 0.00042, session: "s-1", user: "",
};
const HEAD = "trace_id,name,model,started,duration_ms,error,calls,input_tokens,output_tokens,total_tokens,estimated,cost_usd,session,user";

/** Reads CSV as RFC 4180 has it. */
function read(text: string): string[][] {
  const rows: string[][] = [[]];
  for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/g)) {
    rows.at(-1)!.push(quoted?.replaceAll('""', '"') ?? plain!);
    if (end === "\r\n") rows.push([]);
  }
  return rows.slice(0, -1);
}

test("a line for each row, and what is unknown is empty", () => {
  assert.equal(csv([]), `${HEAD}\r\n`);
  assert.equal(csv([ROW]), `${HEAD}\r\n0af7,chat gpt-4,gpt-4,2024-01-05T12:00:00.007Z,12.5,,2,10,,10,true,0.00042,s-1,\r\n`);
  assert.equal(csv([{ ...ROW, output: 0, cost: null, estimated: false }]).split("\r\n")[1], "0af7,chat gpt-4,gpt-4,2024-01-05T12:00:00.007Z,12.5,,2,10,0,10,false,,s-1,");
});

for (const hostile of ['say "hi"', "a,b", "line\nline", "line\r\nline", '","', '"', "\u2028", "\0", "\ud800", "</script>", "a;b", " lead"])
  test(`a text comes back: ${JSON.stringify(hostile)}`, () => {
    const [, row] = read(csv([{ ...ROW, name: hostile, user: hostile }]));
    assert.equal(row!.length, 14);
    assert.equal(row![1], hostile);
    assert.equal(row![13], hostile);
  });

for (const formula of ["=HYPERLINK(\"http://x\",\"y\")", "+1", "-1+2", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
  test(`a formula is a text: ${JSON.stringify(formula)}`, () => {
    const [, row] = read(csv([{ ...ROW, error: formula }]));
    assert.equal(row![5], `'${formula}`);
  });

test("a number below nothing stays a number", () => {
  assert.equal(read(csv([{ ...ROW, duration: -1.5 }]))[1]![4], "-1.5");
});
