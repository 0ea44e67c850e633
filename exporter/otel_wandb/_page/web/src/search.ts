// The search: texts in the worker, names and ids here; a text counts where it is new.
import { batch, computed, effect, signal } from "@preact/signals";
import { block, firstSpan, growth, index, version } from "./store";
import type { Hit } from "./worker";

declare const WORKER: string; // the bundled worker, put in by the build

export const query = signal("");
/** The words that `hits` answers; "" while nothing is searched. */
export const answered = signal("");
export const hits = signal<Map<number, Hit>>(new Map());
export const searching = computed(() => query.value.trim() !== answered.value);

const pending: { more: string; first: number }[] = [];
let worker: Worker | undefined;
let asked = 0;
let places: { traces: Map<number, number[]>; rows: number; growth: number } | undefined;

function started(): Worker {
  if (worker) return worker;
  worker = new Worker(URL.createObjectURL(new Blob([WORKER], { type: "text/javascript" })));
  worker.onmessage = ({ data }: MessageEvent<{ number: number; hits: Hit[] }>) => {
    if (data.number !== asked) return;
    batch(() => {
      hits.value = new Map(data.hits.map((hit) => [hit.text, hit]));
      answered.value = query.value.trim();
    });
  };
  index.text_chunks.forEach((first, number) => {
    const texts = block(`texts-${number}`);
    worker!.postMessage({ texts, first }, [texts.buffer]);
  });
  for (const more of pending.splice(0)) worker.postMessage(more);
  return worker;
}

export function searchMore(more: string, first: number): void {
  if (worker) worker.postMessage({ more, first });
  else pending.push({ more, first });
}

const lower: string[] = [];

/** The traces in which a text is new. */
function placesOf(): Map<number, number[]> {
  const rows = index.traces.id.length;
  if (places?.growth !== growth.value) places = undefined;
  if (places?.rows === rows) return places.traces;
  const traces = places?.traces ?? new Map<number, number[]>();
  for (let row = places?.rows ?? 0; row < rows; row++)
    for (let span = firstSpan[row]!, end = span + index.traces.spans[row]!; span < end; span++)
      for (const number of index.spans.fresh[span]!) {
        const list = traces.get(number);
        if (!list) traces.set(number, [row]);
        else if (list[list.length - 1] !== row) list.push(row);
      }
  places = { traces, rows, growth: growth.value };
  return traces;
}

/** The rows that match, each with its first hit in a text, or null if a name or an id matched; undefined without a search. */
export const found = computed<Map<number, Hit | null> | undefined>(() => {
  void version.value;
  if (!answered.value) return undefined;
  const rows = new Map<number, Hit | null>();
  const traces = placesOf();
  for (const hit of hits.value.values()) for (const row of traces.get(hit.text) ?? []) if (!rows.has(row)) rows.set(row, hit);
  const wanted = answered.value.toLowerCase();
  const strings = new Set<number>();
  for (let number = lower.length; number < index.strings.length; number++) lower.push(index.strings[number]!.toLowerCase());
  lower.forEach((one, number) => one.includes(wanted) && strings.add(number));
  const { id, name, session, user, error } = index.traces;
  for (let row = 0; row < id.length; row++)
    if (!rows.has(row) && (strings.has(name[row]!) || strings.has(session[row]!) || strings.has(user[row]!) || strings.has(error[row]!) || id[row]!.startsWith(wanted)))
      rows.set(row, null);
  return rows;
});

export function startSearching(): void {
  let timer = 0;
  effect(() => {
    const wanted = query.value.trim();
    void version.value;
    clearTimeout(timer);
    if (!wanted) {
      asked++;
      batch(() => {
        answered.value = "";
        hits.value = new Map();
      });
      return;
    }
    timer = window.setTimeout(() => started().postMessage({ query: wanted, number: ++asked }), 40);
  });
}
