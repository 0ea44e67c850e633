// What is looked at: view, filters, order, selection; and its form in the address, which makes a deep link.
import { batch, computed, effect, signal } from "@preact/signals";
import { firstSpan, growth, index, text, timesGrown, version } from "./store";
import { answered, found, hits, query } from "./search";

export const VIEWS = ["traces", "sessions", "compare", "architecture"] as const;
export type View = (typeof VIEWS)[number];
export type Order = "start" | "duration" | "tokens" | "cost" | "name" | "model";

export const view = signal<View>("traces");
/** `id` or `id.sequence` of the open trace, "" for none. */
export const open = signal("");
/** The number of a span in its trace; -1 for the one that says most. */
export const span = signal(-1);
export const order = signal<Order>("start");
export const rising = signal(false);
export const filters = signal<ReadonlyMap<string, ReadonlySet<string>>>(new Map());
/** From and to, in ns; to is outside. */
export const between = signal<[number, number] | undefined>(undefined);
export const session = signal("");
export const shape = signal("");
export const compareBy = signal("model");
export const compareWithin = signal("");
export const baseline = signal("");
export const theme = signal<"light" | "dark">(matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
const narrowly = matchMedia("(max-width:820px)"); // as in the style sheet
export const narrow = signal(narrowly.matches);
narrowly.addEventListener("change", () => (narrow.value = narrowly.matches));
/** Rows that are on the page; in a followed run the newest wait until they are asked for. */
export const shown = signal(0);
export const newest = signal(false);
/** The delivery as of which the list is in order: that of a trace that grows later moves no row. */
export const ordered = signal(0);
export const said = signal("");

export interface Facet { name: string; title: string; values(row: number): string[] }

function ofCalls(column: "model" | "prompt" | "error_type"): (row: number) => string[] {
  return (row) => {
    const seen: string[] = [];
    const from = firstSpan[row]!;
    for (let at = from, end = from + index.traces.spans[row]!; at < end; at++) {
      const value = index.spans[column][at]!;
      if (value >= 0 && !seen.includes(text(value))) seen.push(text(value));
    }
    return seen;
  };
}
export const modelsOf = ofCalls("model");
/** The model of the first chat, or else of the first call. */
export function mainModel(row: number): string {
  const from = firstSpan[row]!;
  let any = -1;
  for (let at = from, end = from + index.traces.spans[row]!; at < end; at++) {
    if (index.spans.model[at]! < 0) continue;
    if (index.spans.kind[at] === 1) return text(index.spans.model[at]!);
    if (any < 0) any = index.spans.model[at]!;
  }
  return any < 0 ? "" : text(any);
}
function temperatures(row: number): string[] {
  const seen: string[] = [];
  const from = firstSpan[row]!;
  for (let at = from, end = from + index.traces.spans[row]!; at < end; at++) {
    const value = index.spans.settings[at]! < 0 ? undefined : settings(index.spans.settings[at]!)["temperature"];
    if (value !== undefined && !seen.includes(String(value))) seen.push(String(value));
  }
  return seen;
}
const read = new Map<number, Record<string, unknown>>();
export function settings(number: number): Record<string, unknown> {
  let made = read.get(number);
  if (!made) read.set(number, (made = JSON.parse(text(number)) as Record<string, unknown>));
  return made;
}

const one = (value: number): string[] => (value < 0 ? [] : [text(value)]);
export const FACETS: Facet[] = [
  { name: "status", title: "Status", values: (row) => [index.traces.error[row]! >= 0 ? "error" : "ok"] },
  { name: "name", title: "Name", values: (row) => one(index.traces.name[row]!) },
  { name: "model", title: "Model", values: modelsOf },
  { name: "prompt", title: "Prompt", values: ofCalls("prompt") },
  { name: "temperature", title: "Temperature", values: temperatures },
  { name: "tag", title: "Tag", values: (row) => index.traces.tags[row]!.map(text) },
  { name: "error", title: "Error", values: ofCalls("error_type") },
  { name: "service", title: "Service", values: (row) => one(index.traces.service[row]!) },
  { name: "run", title: "Run", values: (row) => (index.runs.length > 1 ? [index.runs[index.traces.run[row]!]!.name] : []) },
];

/** The values of each row, read once for each time that it has grown. */
const cache = new Map<Facet, { values: string[][]; times: number[]; growth: number }>();
export function valuesOf(facet: Facet): string[][] {
  const { values, times, growth: before } = cache.get(facet) ?? { values: [], times: [], growth: 0 };
  for (let row = before === growth.value ? values.length : 0; row < index.traces.id.length; row++) {
    if (times[row] === timesGrown(row)) continue;
    values[row] = facet.values(row);
    times[row] = timesGrown(row);
  }
  cache.set(facet, { values, times, growth: growth.value });
  return values;
}

function passes(row: number, but?: string): boolean {
  for (const facet of FACETS) {
    const wanted = facet.name === but ? undefined : filters.value.get(facet.name);
    if (wanted && !valuesOf(facet)[row]!.some((value) => wanted.has(value))) return false;
  }
  if (between.value && but !== "duration") {
    const took = index.traces.duration[row]!;
    if (took < between.value[0] || took >= between.value[1]) return false;
  }
  return !found.value || found.value.has(row);
}

function passing(but?: string): number[] {
  const rows: number[] = [];
  for (let row = 0; row < shown.value; row++) if (passes(row, but)) rows.push(row);
  return rows;
}

/** The rows that pass the filters and the search, in the order of the journal. */
export const filtered = computed(() => {
  void growth.value;
  return passing();
});

/** For each facet its values with counts: of the rows that pass all other filters. */
export const counts = computed(() =>
  FACETS.map((facet) => {
    const rows = filters.value.has(facet.name) ? passing(facet.name) : filtered.value;
    const values = valuesOf(facet);
    const made = new Map<string, number>();
    for (const row of rows) for (const value of values[row]!) made.set(value, (made.get(value) ?? 0) + 1);
    for (const value of filters.value.get(facet.name) ?? []) if (!made.has(value)) made.set(value, 0);
    return { facet, values: [...made].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)) };
  }),
);
export const durations = computed(() => (between.value ? passing("duration") : filtered.value).map((row) => index.traces.duration[row]!));

let asked: unknown[] = [];
let inOrder: number[] = [];
/** The rows in the order that was asked for. They are put in order when it is asked for, and not when a trace grows. */
export const sorted = computed(() => {
  const asks = [order.value, rising.value, filters.value, between.value, answered.value, newest.value && hits.value, shown.value, ordered.value];
  const rows = filtered.value;
  if (asks.some((one, at) => one !== asked[at])) inOrder = inTheOrder(rows.slice());
  asked = asks;
  return inOrder;
});

function inTheOrder(rows: number[]): number[] {
  const { start, duration, total, cost, name } = index.traces;
  const sign = rising.value ? 1 : -1;
  if (order.value === "name" || order.value === "model") {
    const key = order.value === "name" ? (row: number) => text(name[row]!) : mainModel;
    const keys = new Map(rows.map((row) => [row, key(row)]));
    return rows.sort((a, b) => sign * keys.get(a)!.localeCompare(keys.get(b)!) || a - b);
  }
  const column = order.value === "start" ? start : order.value === "duration" ? duration : order.value === "tokens" ? total : cost;
  // What is unknown comes last, whichever way.
  return rows.sort((a, b) => {
    const left = column[a]!;
    const right = column[b]!;
    if (left === null || right === null) return left === right ? a - b : left === null ? 1 : -1;
    return sign * (left - right) || a - b;
  });
}

export function toggle(facet: string, value: string): void {
  const next = new Map(filters.value);
  const values = new Set(next.get(facet));
  if (!values.delete(value)) values.add(value);
  if (values.size) next.set(facet, values);
  else next.delete(facet);
  filters.value = next;
}
export function clearFilters(): void {
  batch(() => {
    filters.value = new Map();
    between.value = undefined;
    query.value = "";
  });
}

const rowsByKey = new Map<string, number>();
const keys: string[] = [];
function readKeys(): void {
  for (let row = keys.length; row < index.traces.id.length; row++) {
    let key = index.traces.id[row]! + (index.traces.sequence[row] ? `.${index.traces.sequence[row]}` : "");
    while (rowsByKey.has(key)) key += "'"; // the same run twice, or a service that was called twice in a trace
    rowsByKey.set(key, row);
    keys.push(key);
  }
}
export function keyOf(row: number): string {
  readKeys();
  return keys[row]!;
}
export function rowOf(key: string): number {
  readKeys();
  return rowsByKey.get(key) ?? -1;
}
export const openRow = computed(() => {
  void version.value;
  return open.value ? rowOf(open.value) : -1;
});

export function show(row: number, at = -1): void {
  batch(() => {
    view.value = "traces";
    open.value = row < 0 ? "" : keyOf(row);
    span.value = at;
  });
}

/** The chosen span; without a choice the call that failed, or the last call of a model, or the root. */
export const chosen = computed(() => {
  void growth.value;
  const row = openRow.value;
  if (row < 0 || span.value >= 0) return Math.max(0, span.value);
  const from = firstSpan[row]!;
  let best = 0;
  for (let at = 0; at < index.traces.spans[row]!; at++) {
    if (!index.spans.call[from + at]) continue;
    if (index.spans.error[from + at]) return at;
    if (index.spans.kind[from + at] === 1 || !index.spans.call[from + best]) best = at;
  }
  return best;
});

let told = 0;
export function say(what: string): void {
  said.value = what;
  clearTimeout(told);
  told = window.setTimeout(() => (said.value = ""), 2500);
}

const TEXTS = { session, shape, by: compareBy, within: compareWithin, base: baseline, q: query } as const;
const FIRST = { session: "", shape: "", by: "model", within: "", base: "", q: "" } as const;

function toHash(): string {
  const made = new URLSearchParams();
  if (view.value !== "traces") made.set("view", view.value);
  if (open.value) made.set("trace", open.value);
  if (open.value && span.value >= 0) made.set("span", String(span.value));
  if (order.value !== "start") made.set("sort", order.value);
  if (rising.value) made.set("up", "1");
  for (const [name, held] of Object.entries(TEXTS) as [keyof typeof TEXTS, { value: string }][]) if (held.value !== FIRST[name]) made.set(name, held.value);
  for (const [facet, values] of filters.value) for (const value of values) made.append(`f.${facet}`, value);
  if (between.value) made.set("took", between.value.join("-"));
  return made.toString();
}

function fromHash(): void {
  const given = new URLSearchParams(location.hash.slice(1));
  batch(() => {
    const wanted = given.get("view") as View;
    view.value = VIEWS.includes(wanted) ? wanted : "traces";
    open.value = given.get("trace") ?? "";
    span.value = Number(given.get("span") ?? -1);
    order.value = (given.get("sort") as Order | null) ?? "start";
    rising.value = given.has("up");
    for (const [name, held] of Object.entries(TEXTS) as [keyof typeof TEXTS, { value: string }][]) held.value = given.get(name) ?? FIRST[name];
    const next = new Map<string, Set<string>>();
    for (const [name, value] of given) if (name.startsWith("f.")) next.set(name.slice(2), (next.get(name.slice(2)) ?? new Set()).add(value));
    filters.value = next;
    const took = given.get("took")?.split("-").map(Number);
    between.value = took?.length === 2 ? [took[0]!, took[1]!] : undefined;
    const wish = given.get("theme");
    if (wish === "dark" || wish === "light") theme.value = wish;
  });
}

export const link = (): string => `${location.href.split("#")[0]}#${toHash()}`;

export function startAddress(): void {
  if (location.hash.length > 1) fromHash();
  addEventListener("hashchange", () => location.hash.slice(1) !== toHash() && fromHash());
  effect(() => {
    const hash = toHash();
    try {
      history.replaceState(null, "", `#${hash}`);
    } catch {
      // A notebook's frame has no address of its own.
    }
  });
  effect(() => {
    document.documentElement.dataset["theme"] = theme.value;
  });
}
