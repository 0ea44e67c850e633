// The groups of the view Compare: calls of models that have something in common.
import { computed } from "@preact/signals";
import type { Asked } from "./bins";
import { ascending, known } from "./figures";
import { compareBy, compareWithin, filtered, settings } from "./state";
import { firstSpan, index, text } from "./store";

export const BY: [string, string][] = [["model", "Model"], ["prompt", "Prompt version"], ["temperature", "Temperature"], ["name", "Trace name"], ["run", "Run"]];
const GROUPS = 8;

/** `calls` are the `spans`, one for one. */
export interface Group {
  name: string; spans: number[]; calls: Asked[]; rows: Map<number, number>; failed: number; took: number[]; first: number[]; output: number[];
  cost: { sum: number | null; missing: number }; models: Map<string, number>;
}

function keyOf(row: number, at: number): string {
  const { model, prompt, settings: set } = index.spans;
  switch (compareBy.value) {
    case "prompt": return prompt[at]! < 0 ? "" : text(prompt[at]!);
    case "temperature": return set[at]! < 0 ? "" : String(settings(set[at]!)["temperature"] ?? "not set");
    case "name": return text(index.traces.name[row]!);
    case "run": return index.runs[index.traces.run[row]!]!.name;
    default: return text(model[at]!);
  }
}

/** All groups, those with most calls first. */
const every = computed(() => {
  const made = new Map<string, Group>();
  const { kind, call, model } = index.spans;
  for (const row of filtered.value)
    for (let at = firstSpan[row]!, end = at + index.traces.spans[row]!; at < end; at++) {
      if (!call[at] || kind[at] !== 1) continue;
      const name = keyOf(row, at);
      if (!name || (compareWithin.value && text(model[at]!) !== compareWithin.value)) continue;
      let group = made.get(name);
      if (!group) made.set(name, (group = { name, spans: [], calls: [], rows: new Map(), failed: 0, took: [], first: [], output: [], cost: { sum: null, missing: 0 }, models: new Map() }));
      add(group, row, at);
    }
  for (const group of made.values()) {
    group.cost = known(group.spans.map((at) => index.spans.cost[at]!));
    group.took = ascending(group.took);
    group.first = ascending(group.first);
    group.output = ascending(group.output);
  }
  return [...made.values()].sort((a, b) => b.spans.length - a.spans.length);
});

function add(group: Group, row: number, at: number): void {
  const { model, start, error, duration: took, first, output } = index.spans;
  const of = text(model[at]!);
  group.spans.push(at);
  group.calls.push({ start: index.traces.start[row]! + start[at]!, took: took[at]!, failed: error[at] === 1 });
  group.rows.set(at, row);
  group.models.set(of, (group.models.get(of) ?? 0) + 1);
  if (error[at]) group.failed++;
  else {
    group.took.push(took[at]!);
    if (output[at] !== null) group.output.push(output[at]!);
  }
  if (first[at] !== null) group.first.push(first[at]!);
}

/** The groups that are shown. */
export const groups = computed(() => every.value.slice(0, GROUPS));
export const others = computed(() => Math.max(0, every.value.length - GROUPS));
export const models = computed(() => [...new Set(index.spans.model.filter((_, at) => index.spans.kind[at] === 1 && index.spans.call[at]).map(text))].filter(Boolean).sort());
