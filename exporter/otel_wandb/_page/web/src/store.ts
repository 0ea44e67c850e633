// What the page knows: the index in memory, texts and traces in chunks that are read when they are looked at.
import { batch, signal } from "@preact/signals";
import type { Delta, Message, PageIndex, Trace } from "./schema";

const KEPT = 6; // chunks in memory: about 3 MB of JSON

export const KINDS = ["chain", "llm", "embedding", "tool", "agent"] as const;
export type Kind = (typeof KINDS)[number];

/** Counts the deliveries of a followed run; whatever depends on the rows reads it. */
export const version = signal(0);
/** Counts the deliveries in which a trace that the page had has grown. */
export const growth = signal(0);
export let index: PageIndex;
/** The first span of each trace. */
export const firstSpan: number[] = [];
const grown = new Map<number, number>();
/** How often the trace of a row has grown. */
export const timesGrown = (row: number): number => (void growth.value, grown.get(row) ?? 0);

export const text = (number: number): string => index.strings[number] ?? "";

export function block(name: string): Uint8Array<ArrayBuffer> {
  const packed = document.getElementById(name)?.textContent ?? "";
  const binary = atob(packed);
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at++) bytes[at] = binary.charCodeAt(at);
  return bytes;
}

export async function unpacked(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

class Chunks<Item> {
  private kept = new Map<number, Promise<Item[]>>();
  private later = new Map<number, Item>();
  constructor(private name: string, private firsts: number[]) {}

  /** What was delivered after the page was written. */
  put(number: number, item: Item): void {
    this.later.set(number, item);
  }

  async get(number: number): Promise<Item | undefined> {
    if (this.later.has(number)) return this.later.get(number);
    let low = 0;
    for (let high = this.firsts.length - 1; low < high; ) {
      const middle = (low + high + 1) >> 1;
      if (this.firsts[middle]! <= number) low = middle;
      else high = middle - 1;
    }
    if (this.firsts.length === 0) return undefined;
    return (await this.read(low))[number - this.firsts[low]!];
  }

  private read(chunk: number): Promise<Item[]> {
    let items = this.kept.get(chunk);
    if (!items) {
      items = unpacked(block(`${this.name}-${chunk}`)).then((json) => JSON.parse(json) as Item[]);
      if (this.kept.size >= KEPT) this.kept.delete(this.kept.keys().next().value!);
    } else this.kept.delete(chunk);
    this.kept.set(chunk, items);
    return items;
  }
}

let texts: Chunks<Message>;
let details: Chunks<Trace>;
export async function load(): Promise<void> {
  index = JSON.parse(await unpacked(block("index"))) as PageIndex;
  document.getElementById("index")?.remove();
  texts = new Chunks("texts", index.text_chunks);
  details = new Chunks("details", index.detail_chunks);
  putFirstSpans(index.traces.id.map((_, row) => row), 0);
}

/** A trace that has grown comes whole again: it keeps its row, and its spans now stand behind all others. */
export function deliver(delta: Delta): void {
  const before = index.traces.id.length;
  const spansBefore = index.spans.parent.length;
  if (before === 0) index.base = delta.index.base;
  append(index.strings, delta.index.strings);
  const columns = index.traces as unknown as Columns;
  for (const [name, values] of Object.entries(delta.index.traces as unknown as Columns)) delta.rows.forEach((row, at) => (columns[name]![row] = values[at]));
  appendColumns(index.spans as unknown as Columns, delta.index.spans as unknown as Columns);
  append(index.feedback, delta.index.feedback);
  index.runs = delta.index.runs;
  delta.texts.forEach((text, at) => texts.put(delta.texts_before + at, text));
  delta.details.forEach((trace, at) => details.put(delta.rows[at]!, trace));
  putFirstSpans(delta.rows, spansBefore);
  const more = delta.rows.filter((row) => row < before);
  for (const row of more) grown.set(row, timesGrown(row) + 1);
  batch(() => {
    version.value++;
    if (more.length > 0) growth.value++;
  });
}

export const message = (number: number): Promise<Message | undefined> => texts.get(number);
export const trace = (row: number): Promise<Trace | undefined> => details.get(row);

export async function messages(numbers: readonly number[]): Promise<Message[]> {
  const found = await Promise.all(numbers.map(message));
  return found.map((one) => one ?? { text: "(this text is missing from the journal)" });
}

type Columns = Record<string, unknown[]>;
function append<Item>(to: Item[], from: Item[]): void {
  for (const item of from) to.push(item);
}
function appendColumns(to: Columns, from: Columns): void {
  for (const name of Object.keys(to)) append(to[name]!, from[name] ?? []);
}
function putFirstSpans(rows: number[], from: number): void {
  let next = from;
  for (const row of rows) {
    firstSpan[row] = next;
    next += index.traces.spans[row]!;
  }
}
