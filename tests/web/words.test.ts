import assert from "node:assert/strict";
import { test } from "node:test";
import { asText, words } from "../../exporter/otel_wandb/_page/web/src/words";

test("a value as text", () => {
  assert.equal(asText("as it is"), "as it is");
  assert.equal(asText(undefined), "");
  assert.equal(asText(null), "null");
  assert.equal(asText({ a: [1, "x"] }), '{"a":[1,"x"]}');
});

test("the words of a message are those of all its parts", () => {
  assert.equal(
    words({
      role: "assistant",
      parts: [
        { type: "text", content: "Let me look." },
        { type: "tool_call", id: "call_1", name: "search_notes", arguments: { query: "kettle" } },
        { type: "tool_call_response", id: "call_1", response: "[1] a kettle" },
        { type: "reasoning", content: "hm" },
      ],
    }),
    'Let me look.\nsearch_notes {"query":"kettle"}\n[1] a kettle\nhm',
  );
});

test("a part that nobody knows is searched as it stands", () => {
  assert.equal(words({ parts: [{ type: "blob_descriptor", mime_type: "image/png", size: 12 }] }), '{"type":"blob_descriptor","mime_type":"image/png","size":12}');
  assert.equal(words({ parts: [{ type: "tool_call" }] }), " ");
});

test("texts, definitions and nothing", () => {
  assert.equal(words({ text: "plain" }), "plain");
  assert.equal(words({ tools: [{ name: "f" }] }), '[{"name":"f"}]');
  assert.equal(words({}), "");
  assert.equal(words({ parts: [] }), "");
});
