import assert from "node:assert/strict";
import { test } from "node:test";
import { chatMessage, hidden, pythonCall } from "../../exporter/otel_wandb/_page/web/src/python";
import { CALL } from "./calls";

test("a chat, as one would write it", () => {
  const call = { ...CALL, request_model: "gpt-4", parameters: { temperature: 0, stop: ["\n", "END"], stream: true, logit_bias: {} } };
  assert.equal(
    pythonCall(call, [{ role: "user", parts: [{ type: "text", content: "Hi" }] }], undefined),
    `import openai

response = openai.ChatCompletion.create(
    model="gpt-4",
    messages=[{"role": "user", "content": "Hi"}],
    temperature=0,
    stop=["\\n", "END"],
    stream=True,
    logit_bias={},
)
`,
  );
});

test("the other operations", () => {
  const said = (operation: string, ...texts: string[]) => pythonCall({ ...CALL, operation }, texts.map((text) => ({ text })), undefined).split("\n").slice(2, -2);
  assert.deepEqual(said("embeddings", "a"), ["response = openai.Embedding.create(", '    model="gpt-3.5-turbo",', '    input="a",']);
  assert.deepEqual(said("embeddings", "a", "b")[2], '    input=["a", "b"],');
  assert.deepEqual(said("text_completion", "a"), ["response = openai.Completion.create(", '    model="gpt-3.5-turbo",', '    prompt="a",']);
});

test("a message as openai 0.28 takes it", () => {
  const call = { type: "tool_call", name: "f", arguments: { a: 1 } };
  assert.deepEqual(chatMessage({ role: "user", name: "ann", parts: [{ type: "text", content: "a" }, { type: "text", content: "b" }] }), { role: "user", name: "ann", content: "ab" });
  assert.deepEqual(chatMessage({ role: "assistant", parts: [call] }), { role: "assistant", content: null, function_call: { name: "f", arguments: '{"a":1}' } });
  assert.deepEqual(chatMessage({ role: "assistant", parts: [{ ...call, id: "call_1" }] }), {
    role: "assistant", content: null, tool_calls: [{ id: "call_1", type: "function", function: { name: "f", arguments: '{"a":1}' } }],
  });
  assert.deepEqual(chatMessage({ role: "tool", parts: [{ type: "tool_call_response", id: "call_1", response: { found: 2 } }] }), { role: "tool", content: '{"found":2}', tool_call_id: "call_1" });
  assert.deepEqual(chatMessage({ text: "plain" }), { role: "user", content: "plain" });
});

test("what shows nothing is written as an escape", () => {
  for (const char of ["\0", "\x07", "\r", "\t", "\x7f", "\x85", "\u200b", "\u202e", "\u2028", "\ufeff", "\ud800", "\u{e0041}"]) {
    assert.ok(hidden.test(char), JSON.stringify(char));
    const made = pythonCall({ ...CALL, operation: "embeddings" }, [{ text: char }], undefined);
    assert.ok(!made.includes(char), JSON.stringify(char));
  }
  assert.ok(!hidden.test("é漢😀 \u00a0"));
});
