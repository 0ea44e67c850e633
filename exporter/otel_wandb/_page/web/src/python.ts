// A call as Python for openai 0.28: what was asked, to be asked again.
import type { Call, Json, Message, Part } from "./schema";
import { asText } from "./words";

const RESOURCES: Record<string, string> = { chat: "ChatCompletion", text_completion: "Completion", embeddings: "Embedding" };

export function pythonCall(call: Call, asked: Message[], tools: Json[] | undefined): string {
  const operation = call.operation ?? "chat";
  const lines: [string, string][] = [["model", literal(call.request_model)]];
  if (operation === "embeddings") lines.push(["input", literal(single(asked.map(said)))]);
  else if (operation === "text_completion") lines.push(["prompt", literal(single(asked.map(said)))]);
  else lines.push(["messages", literal(asked.map(chatMessage), 1)]);
  if (tools) lines.push(["functions", literal(tools.map(functionOf), 1)]);
  const others: [string, Json][] = [];
  for (const [name, value] of Object.entries(call.parameters))
    if (isName(name)) lines.push([name, literal(value, 1)]);
    else others.push([name, value]);
  const given = [...lines.map(([name, value]) => `${name}=${value}`), ...(others.length > 0 ? [`**${literal(Object.fromEntries(others), 1)}`] : [])];
  const resource = RESOURCES[operation] ?? "ChatCompletion";
  return `import openai\n\nresponse = openai.${resource}.create(\n${given.map((one) => `    ${one},\n`).join("")})\n`;
}

const KEYWORDS = /^(False|None|True|and|as|assert|async|await|break|class|continue|def|del|elif|else|except|finally|for|from|global|if|import|in|is|lambda|nonlocal|not|or|pass|raise|return|try|while|with|yield)$/;
/** Whether Python takes it for the name of an argument. A journal may come from anybody, and say anything. */
const isName = (name: string): boolean => /^[a-z_]\w*$/i.test(name) && !KEYWORDS.test(name);

const single = (values: string[]): Json => (values.length === 1 ? values[0]! : values);
const said = (message: Message): string => (message.parts ? message.parts.map((part) => asText(part.content)).join("") : asText(message.text));

function functionOf(tool: Json): Json {
  if (typeof tool !== "object" || tool === null || Array.isArray(tool)) return tool;
  if (tool["function"]) return tool["function"];
  const { type: _, ...rest } = tool;
  return rest;
}

/** A message as openai 0.28 takes it. */
export function chatMessage(message: Message): { [name: string]: Json } {
  const parts = message.parts ?? [{ type: "text", content: message.text ?? "" }];
  const response = parts.find((part) => part.type === "tool_call_response");
  const call = parts.find((part) => part.type === "tool_call");
  const made: { [name: string]: Json } = { role: message.role ?? "user" };
  if (message.name) made["name"] = message.name;
  if (response) return { ...made, content: asText(response.response), ...(response.id ? { tool_call_id: response.id } : {}) };
  const content = parts.filter((part) => part.type === "text");
  made["content"] = content.length > 0 ? content.map((part) => asText(part.content)).join("") : call ? null : asText(parts[0]?.content);
  const calls = parts.filter((part) => part.type === "tool_call");
  if (calls.some((one) => one.id)) made["tool_calls"] = calls.map((one) => ({ id: one.id ?? "", type: "function", function: functionCall(one) }));
  else if (call) made["function_call"] = functionCall(call);
  return made;
}
const functionCall = (part: Part): { [name: string]: Json } => ({ name: part.name ?? "", arguments: asText(part.arguments) });

function literal(value: Json, depth = 0): string {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "number") return String(value);
  if (typeof value === "string") return quoted(value);
  const pad = "    ".repeat(depth + 1);
  const end = "    ".repeat(depth);
  const items = Array.isArray(value) ? value.map((item) => literal(item, depth + 1)) : Object.entries(value).map(([name, item]) => `${quoted(name)}: ${literal(item, depth + 1)}`);
  const [left, right] = Array.isArray(value) ? "[]" : "{}";
  if (items.length === 0 || items.join(", ").length < 80) return left + items.join(", ") + right;
  return `${left}\n${items.map((item) => `${pad}${item},\n`).join("")}${end}${right}`;
}

/** Python reads `\u` escapes as JSON does, but for pairs of surrogates, which it would keep apart. */
function quoted(value: string): string {
  let made = "";
  for (const char of value) {
    const code = char.codePointAt(0)!;
    if (char === '"' || char === "\\") made += `\\${char}`;
    else if (char === "\n") made += "\\n";
    else if (code < 0x20 || code === 0x7f || hidden.test(char)) made += code < 0x100 ? `\\x${hex(code, 2)}` : code < 0x10000 ? `\\u${hex(code, 4)}` : `\\U${hex(code, 8)}`;
    else made += char;
  }
  return `"${made}"`;
}
const hex = (code: number, width: number): string => code.toString(16).padStart(width, "0");
/** What shows nothing, or turns the text around it: controls, bidi and other format characters, lone surrogates. */
export const hidden = /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/u;
