// The view Architecture: the shapes of the traces, as a graph with shares and settings, and the variants of each.
import { computed } from "@preact/signals";
import { cost, count, duration, percent, plural } from "./format";
import { ascending, known, quantile } from "./figures";
import { Icon } from "./icons";
import { copy } from "./saving";
import { filtered, settings, shape, toggle, view } from "./state";
import { KINDS, firstSpan, index, text } from "./store";
import type { Kind } from "./store";
import { Words } from "./text";

interface Node { key: string; name: string; kind: Kind; children: Map<string, Node>; spans: number[]; depth: number; y: number }

const wordOf = (at: number): string => {
  const kind = KINDS[index.spans.kind[at]!]!;
  return kind === "llm" || kind === "embedding" ? text(index.spans.operation[at]!) || text(index.spans.name[at]!) : text(index.spans.name[at]!);
};

/** Traces by the name of their root; those that are one call stand together. */
const shapes = computed(() => {
  const made = new Map<string, number[]>();
  for (const row of filtered.value) {
    const name = index.traces.spans[row] === 1 && index.spans.call[firstSpan[row]!] ? "single call" : text(index.traces.name[row]!);
    const list = made.get(name);
    if (list) list.push(row);
    else made.set(name, [row]);
  }
  return [...made].sort((a, b) => b[1].length - a[1].length).slice(0, 200);
});

function graph(rows: number[]): { roots: Node[]; nodes: Node[] } {
  const top = new Map<string, Node>();
  const nodes: Node[] = [];
  for (const row of rows) {
    const from = firstSpan[row]!;
    const placed: (Node | undefined)[] = [];
    const place = (at: number, depth: number): Node => {
      const held = placed[at];
      if (held) return held;
      const parent = index.spans.parent[from + at]!;
      const above = parent >= 0 && parent !== at && depth < 100 ? place(parent, depth + 1) : undefined;
      const kind = KINDS[index.spans.kind[from + at]!]!;
      const name = wordOf(from + at);
      const key = `${kind} ${name}`;
      const among = above && above.depth < 6 ? above.children : (above?.children ?? top);
      let node = among.get(key);
      if (!node) {
        node = { key, name, kind, children: new Map(), spans: [], depth: above ? above.depth + 1 : 0, y: 0 };
        among.set(key, node);
        nodes.push(node);
      }
      node.spans.push(from + at);
      return (placed[at] = node);
    };
    for (let at = 0; at < index.traces.spans[row]!; at++) place(at, 0);
  }
  return { roots: [...top.values()], nodes };
}

const WIDE = 228, APART = 76, GAP = 22;

function heightOf(node: Node): number {
  return 76 + Math.max(1, settingLines(node).length) * 18;
}

function settingLines(node: Node): string[] {
  if (node.kind !== "llm" && node.kind !== "embedding") return [node.kind === "tool" ? "function of the program" : node.kind === "agent" ? "agent" : "step of the program"];
  const models = new Set<string>();
  const values = new Map<string, Set<string>>();
  for (const at of node.spans) {
    if (index.spans.model[at]! >= 0) models.add(text(index.spans.model[at]!));
    if (index.spans.settings[at]! >= 0)
      for (const [name, value] of Object.entries(settings(index.spans.settings[at]!))) values.set(name, (values.get(name) ?? new Set()).add(JSON.stringify(value)));
  }
  const list = [...models];
  return [...list.slice(0, 2), ...(list.length > 2 ? [`+ ${plural(list.length - 2, "model")}`] : []), ...[...values].slice(0, 4).map(([name, set]) => `${name} ${[...set].slice(0, 4).join(" · ")}`)];
}

function laidOut(roots: Node[]): { width: number; height: number } {
  let next = 4, deep = 0;
  const place = (node: Node): void => {
    deep = Math.max(deep, node.depth);
    const before = next;
    for (const child of node.children.values()) place(child);
    const children = [...node.children.values()];
    const tall = heightOf(node);
    if (children.length === 0) {
      node.y = next;
      next += tall + GAP;
    } else {
      const first = children[0]!, last = children[children.length - 1]!;
      node.y = Math.max(before, (first.y + last.y + heightOf(last)) / 2 - tall / 2);
      next = Math.max(next, node.y + tall + GAP);
    }
  };
  roots.forEach(place);
  return { width: (deep + 1) * (WIDE + APART) - APART + 20, height: next };
}

export function ArchitectureView() {
  const all = shapes.value;
  const at = Math.max(0, all.findIndex(([name]) => name === shape.value));
  const found = all[at];
  if (!found) return <main class="page"><p class="empty">There is nothing to draw.</p></main>;
  const [name, rows] = found;
  const most = all[0]![1].length;
  const figures = (list: number[]) => [duration(quantile(ascending(list.map((row) => index.traces.duration[row]!)), 0.5)), cost(known(list.map((row) => index.traces.cost[row]!)).sum)] as const;
  return (
    <div class="body two">
      <nav class="side" aria-label="Shapes">
        {all.map(([one, list], place) => {
          const [p50, paid] = figures(list);
          return (
            <button key={one} class="shape" aria-current={place === at} onClick={() => (shape.value = one)}>
              <span><b><Words text={one} /></b><em>{count(list.length)}</em></span><small>p50 {p50} · {paid}</small><i><b style={{ width: `${(list.length / most) * 100}%` }} /></i>
            </button>
          );
        })}
      </nav>
      <Shape key={name} name={name} rows={rows} />
    </div>
  );
}

function Shape({ name, rows }: { name: string; rows: number[] }) {
  const { roots, nodes } = graph(rows);
  const { width, height } = laidOut(roots);
  const paid = known(nodes.flatMap((node) => node.spans.filter((at) => index.spans.call[at]).map((at) => index.spans.cost[at]!))).sum;
  const made = variants(rows);
  return (
    <main class="page wide" tabIndex={0} aria-label="Architecture">
      <header class="sh">
        <h2><Words text={name} /></h2><span class="hint">{plural(rows.length, "trace")} with {plural(made.length, "different setting")}</span><span class="grow" />
        <button class="btn" onClick={() => { if (name !== "single call") toggle("name", name); view.value = "traces"; }}>Show traces</button>
        <button class="btn" onClick={() => void copy(JSON.stringify(roots.map(asDict), null, 2), "Model")}><Icon name="copy" />Model dict</button>
      </header>
      <div class="scroll" tabIndex={0} role="region" aria-label="Graph">
        <div class="graph" style={{ width: `${width}px`, height: `${height}px` }}>
          <svg width={width} height={height} aria-hidden="true">
            {nodes.flatMap((node) => [...node.children.values()].map((child) => {
              const [x, y, to, end] = [left(node) + WIDE, node.y + heightOf(node) / 2, left(child), child.y + heightOf(child) / 2];
              return <path key={`${node.depth}${node.y}${child.y}`} d={`M${x} ${y}C${x + 38} ${y} ${to - 38} ${end} ${to} ${end}`} />;
            }))}
          </svg>
          {nodes.map((node) => <Card key={`${node.depth} ${node.y} ${node.key}`} node={node} of={rows.length} paid={paid} />)}
        </div>
      </div>
      <h2 class="big">Settings</h2>
      <p class="hint">What the calls of this shape were asked with; W&B groups its traces by the same dict.</p>
      <div class="scroll" tabIndex={0} role="region" aria-label="Settings">
      <table class="cmp settings"><thead><tr><th scope="col">Calls</th><th scope="col">Traces</th><th scope="col">p50</th><th scope="col">p95</th><th scope="col">Errors</th><th scope="col">Cost a trace</th></tr></thead>
        <tbody>{made.slice(0, 30).map(([calls, list]) => {
          const times = ascending(list.map((row) => index.traces.duration[row]!));
          const dollars = known(list.map((row) => index.traces.cost[row]!));
          return <tr key={calls}><th scope="row">{calls.split("\n").map((call, place) => <>{place > 0 && " → "}<span class="tag">{call}</span></>)}</th><td>{count(list.length)}</td><td>{duration(quantile(times, 0.5))}</td><td>{duration(quantile(times, 0.95))}</td><td>{percent(list.filter((row) => index.traces.error[row]! >= 0).length / list.length)}</td><td>{cost(dollars.sum === null ? null : dollars.sum / (list.length - dollars.missing))}</td></tr>;
        })}</tbody></table>
      </div>
    </main>
  );
}

const left = (node: Node): number => 1 + node.depth * (WIDE + APART);

function Card({ node, of, paid }: { node: Node; of: number; paid: number | null }) {
  const times = ascending(node.spans.map((at) => index.spans.duration[at]!));
  const failed = node.spans.filter((at) => index.spans.error[at]).length;
  const own = known(node.spans.filter((at) => index.spans.call[at]).map((at) => index.spans.cost[at]!)).sum;
  const often = node.spans.length / of;
  return (
    <article class={`node k-${node.kind}`} style={{ left: `${left(node)}px`, top: `${node.y}px`, width: `${WIDE}px`, height: `${heightOf(node)}px` }}>
      <header><Icon name={node.kind} /><b title={node.name}><Words text={node.name} /></b>{Math.abs(often - 1) > 0.005 && <em>× {often.toFixed(often < 10 ? 1 : 0)}</em>}</header>
      <ul>{settingLines(node).map((line) => <li key={line}>{line}</li>)}</ul>
      <footer><span>p50 {duration(quantile(times, 0.5))}</span>{failed > 0 && <span class="bad">{percent(failed / node.spans.length)} err</span>}{own !== null && paid ? <span>{percent(own / paid)} cost</span> : null}</footer>
    </article>
  );
}

function variants(rows: number[]): [string, number[]][] {
  const made = new Map<string, number[]>();
  for (const row of rows) {
    const calls: string[] = [];
    for (let at = firstSpan[row]!, end = at + index.traces.spans[row]!; at < end && calls.length < 6; at++)
      if (index.spans.call[at]) calls.push([text(index.spans.model[at]!), ...Object.entries(settings(index.spans.settings[at]!)).map(([name, value]) => `${name} ${JSON.stringify(value)}`)].join(" · "));
    const key = calls.join("\n") || "no call";
    const list = made.get(key);
    if (list) list.push(row);
    else made.set(key, [row]);
  }
  return [...made].sort((a, b) => b[1].length - a[1].length);
}

const asDict = (node: Node): object => ({ name: node.name, kind: node.kind, settings: settingLines(node), children: [...node.children.values()].map(asDict) });
