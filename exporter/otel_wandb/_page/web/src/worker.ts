// Searches the texts beside the page: keeps them in lower case, answers with the numbers of those that match.
import type { Message } from "./schema";
import { words } from "./words";

type Question = { texts: Uint8Array<ArrayBuffer>; first: number } | { more: string; first: number } | { query: string; number: number };
/** `around` is the text around a hit, which is `size` long and begins `at`. */
export interface Hit { text: number; at: number; size: number; around: string }

const kept: { first: number; texts: string[] }[] = [];
let reading: Promise<unknown> = Promise.resolve();

onmessage = ({ data }: MessageEvent<Question>) => {
  reading = reading.then(async () => {
    if ("texts" in data) {
      const stream = new Blob([data.texts]).stream().pipeThrough(new DecompressionStream("gzip"));
      keep(data.first, JSON.parse(await new Response(stream).text()) as Message[]);
    } else if ("more" in data) keep(data.first, JSON.parse(data.more) as Message[]);
    else postMessage({ number: data.number, hits: find(data.query.toLowerCase()) });
  });
};

function keep(first: number, messages: Message[]): void {
  kept.push({ first, texts: messages.map(words) });
}

function find(query: string): Hit[] {
  const hits: Hit[] = [];
  for (const { first, texts } of kept)
    for (let number = 0; number < texts.length; number++) {
      const text = texts[number]!;
      const at = matchAt(text, query);
      if (at < 0) continue;
      const from = Math.max(0, at - 24);
      hits.push({ text: first + number, at: at - from + (from > 0 ? 1 : 0), size: query.length, around: (from > 0 ? "…" : "") + text.slice(from, at + query.length + 90) });
    }
  return hits;
}

const plain = /^[\x20-\x7e]*$/;
const patterns = new Map<string, RegExp>();

/** Without regard to case. A text keeps its own letters; a copy in lower case would double the memory. */
function matchAt(text: string, query: string): number {
  let pattern = patterns.get(query);
  if (!pattern) {
    patterns.clear();
    pattern = new RegExp(query.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), plain.test(query) ? "i" : "iu");
    patterns.set(query, pattern);
  }
  return text.search(pattern);
}
