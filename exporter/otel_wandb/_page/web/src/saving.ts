// Copies and downloads, also where a sandbox refuses the newer ways.
import { csv } from "./csv";
import { cost } from "./format";
import { chatMessage } from "./python";
import type { Json, Span, Trace } from "./schema";
import { mainModel, say } from "./state";
import { index, messages, text, trace } from "./store";
import { words } from "./words";

export async function copy(text: string, what: string): Promise<void> {
  try {
    if (self !== top) throw new Error("A frame is refused, with a message on the console.");
    await navigator.clipboard.writeText(text);
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    area.className = "away";
    area.setAttribute("aria-hidden", "true");
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  say(`${what} copied`);
}

function download(name: string, parts: BlobPart[], type: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(parts, { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  say(`${name} written`);
}

/** A span with its texts in place of their numbers. */
export async function wholeSpan(span: Span): Promise<{ [name: string]: Json }> {
  const made = { ...span } as unknown as { [name: string]: Json };
  for (const side of ["inputs", "outputs"] as const) {
    const given = span[side];
    if (!given) continue;
    const texts = await messages(Object.values(given));
    made[side] = Object.fromEntries(Object.keys(given).map((name, at) => [name, words(texts[at]!)]));
  }
  if (span.call) {
    const { earlier: _, ...call } = span.call;
    const tools = call.tools === null ? null : ((await messages([call.tools]))[0]!.tools ?? null);
    made["call"] = { ...call, asked: await messages(call.asked), answered: await messages(call.answered), tools } as unknown as Json;
  }
  return made;
}

export async function wholeTrace(given: Trace): Promise<{ [name: string]: Json }> {
  return { ...given, spans: await Promise.all(given.spans.map(wholeSpan)) } as unknown as { [name: string]: Json };
}

async function eachTrace(rows: readonly number[], line: (trace: Trace) => Promise<string[]>): Promise<string[]> {
  const lines: string[] = [];
  for (const row of [...rows].sort((a, b) => a - b)) {
    const found = await trace(row);
    if (found) for (const made of await line(found)) lines.push(`${made}\n`);
  }
  return lines;
}

export async function saveJson(rows: readonly number[]): Promise<void> {
  download("traces.jsonl", await eachTrace(rows, async (one) => [JSON.stringify(await wholeTrace(one))]), "application/x-ndjson");
}

/** One line a chat that was answered: the fine-tuning format. */
export async function chatLine(span: Span): Promise<string | undefined> {
  const call = span.call;
  if (call?.operation !== "chat" || call.answered.length === 0 || span.error) return undefined;
  const said = await messages([...call.asked, call.answered[0]!]);
  return JSON.stringify({ messages: said.map(chatMessage) });
}
export async function saveChats(rows: readonly number[]): Promise<void> {
  const lines = await eachTrace(rows, async (one) => (await Promise.all(one.spans.map(chatLine))).filter((line) => line !== undefined));
  download("chats.jsonl", lines, "application/x-ndjson");
}

export function rowsAsCsv(rows: readonly number[]): string {
  const { id, name, start, duration, error, calls, input, output, total, estimated, cost: dollars, session, user } = index.traces;
  return csv(rows.map((row) => ({
    id: id[row]!, name: text(name[row]!), model: mainModel(row), started: index.base + start[row]! / 1e6, duration: duration[row]! / 1e6, error: text(error[row]!), calls: calls[row]!,
    input: input[row]!, output: output[row]!, total: total[row]!, estimated: Boolean(estimated[row]), cost: dollars[row]!, session: text(session[row]!), user: text(user[row]!),
  })));
}
export const saveCsv = (rows: readonly number[]): void => download("traces.csv", [rowsAsCsv(rows)], "text/csv");

export const costOf = (dollars: number | null, unknown: number): string => (dollars !== null && unknown > 0 ? `${cost(dollars)} + ${unknown} unknown` : cost(dollars));
