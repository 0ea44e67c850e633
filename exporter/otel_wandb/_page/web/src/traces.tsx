// The view Traces: what was counted, what it can be narrowed to, and a row a trace.
import { computed } from "@preact/signals";
import { useRef } from "preact/hooks";
import { NONE, clock, cost, count, day, duration, percent, short } from "./format";
import { ascending, known, quantile } from "./figures";
import { Icon } from "./icons";
import { List } from "./list";
import { copy, rowsAsCsv, saveChats, saveCsv, saveJson } from "./saving";
import { answered, found, query } from "./search";
import { between, clearFilters, counts, durations, filtered, filters, keyOf, mainModel, narrow, openRow, order, rising, show, sorted, toggle } from "./state";
import type { Order } from "./state";
import { KINDS, firstSpan, growth, index, text } from "./store";
import { Detail } from "./trace";
import { Words } from "./text";

const SLOTS = 40; // bars of a sparkline
const ROW = 36, STACKED = 52; // px; where there is little room the question stands below the name

const tiles = computed(() => {
  const rows = filtered.value;
  const { start, duration: took, error, input, output, estimated, cost: dollars, unknown, calls } = index.traces;
  const times = ascending(rows.map((row) => took[row]!));
  let from = Infinity, to = -Infinity;
  for (const row of rows) from = Math.min(from, start[row]!), to = Math.max(to, start[row]!);
  const slots: number[][] = Array.from({ length: SLOTS }, () => []);
  for (const row of rows) slots[Math.min(SLOTS - 1, Math.floor(((start[row]! - from) / (to - from || 1)) * SLOTS))]!.push(row);
  const firsts = slots.map((slot) => ascending(slot.flatMap(firstTokens)));
  const asked = known(rows.map((row) => input[row]!));
  const answers = known(rows.map((row) => output[row]!));
  const paid = known(rows.map((row) => dollars[row]!));
  return {
    rows: rows.length, slots, times,
    errors: rows.filter((row) => error[row]! >= 0).length,
    firsts, first: ascending(firsts.flat()),
    tokens: asked.sum === null && answers.sum === null ? null : (asked.sum ?? 0) + (answers.sum ?? 0), output: answers.sum,
    estimated: rows.some((row) => estimated[row]!),
    cost: paid.sum, unknown: rows.reduce((sum, row) => sum + (calls[row]! ? unknown[row]! : 0), 0),
  };
});

/** What the streams of a trace waited for their first token. */
function firstTokens(row: number): number[] {
  const from = firstSpan[row]!;
  return index.spans.first.slice(from, from + index.traces.spans[row]!).filter((one) => one !== null);
}

function Spark({ values, line = false, error = false }: { values: number[]; line?: boolean; error?: boolean }) {
  const most = Math.max(...values.filter(Number.isFinite), 0) || 1;
  const at = (value: number) => 21 - (value / most) * 19;
  if (!line)
    return (
      <svg class={error ? "spark bad" : "spark"} viewBox={`0 0 ${values.length * 4} 22`} preserveAspectRatio="none" aria-hidden="true">
        {values.map((value, x) => value > 0 && <rect key={x} x={x * 4} y={at(value)} width={3} height={22 - at(value)} />)}
      </svg>
    );
  const points = values.map((value, x) => [x * 4 + 2, at(value)] as const).filter(([, y]) => Number.isFinite(y));
  const [only] = points.length === 1 ? points : [];
  return (
    <svg class="spark" viewBox={`0 0 ${values.length * 4} 22`} preserveAspectRatio="none" aria-hidden="true">
      <polyline points={(only ? [[only[0] - 2, only[1]], [only[0] + 2, only[1]]] : points).map(([x, y]) => `${x},${y}`).join(" ")} vector-effect="non-scaling-stroke" />
    </svg>
  );
}

function Tile({ name, value, more, values, line, error }: { name: string; value: string; more?: string | undefined; values: number[]; line?: boolean; error?: boolean }) {
  return <div class="tile"><small>{name}</small><b>{value}</b>{more && <em>{more}</em>}<Spark values={values} line={line ?? false} error={error ?? false} /></div>;
}

function Tiles() {
  const { rows, slots, times, errors, firsts, first, tokens, output, estimated, cost: dollars, unknown } = tiles.value;
  const { duration: took, error, total, cost: paid } = index.traces;
  const sums = (column: (number | null)[]) => slots.map((slot) => slot.reduce((sum, row) => sum + (column[row] ?? 0), 0));
  const inSlots = (share: number) => slots.map((slot) => quantile(ascending(slot.map((row) => took[row]!)), share));
  const time = (share: number) => (rows ? duration(quantile(times, share)) : NONE);
  return (
    <section class="tiles" tabIndex={0} aria-label="Figures of what is listed">
      <Tile name="Traces" value={count(rows)} values={slots.map((slot) => slot.length)} />
      <Tile name="Errors" value={rows ? percent(errors / rows) : NONE} more={errors ? count(errors) : undefined} values={slots.map((slot) => slot.filter((row) => error[row]! >= 0).length)} error />
      <Tile name="Duration p50" value={time(0.5)} values={inSlots(0.5)} line />
      <Tile name="Duration p95" value={time(0.95)} values={inSlots(0.95)} line />
      <Tile name="First token p50" value={first.length ? duration(quantile(first, 0.5)) : NONE} values={firsts.map((slot) => quantile(slot, 0.5))} line />
      <Tile name={estimated ? "Tokens, estimated" : "Tokens"} value={tokens === null ? "unknown" : (estimated ? "≈ " : "") + short(tokens)} more={output === null ? undefined : `${short(output)} out`} values={sums(total)} />
      <Tile name="Cost" value={cost(dollars)} more={unknown ? `${count(unknown)} unknown` : undefined} values={sums(paid)} />
    </section>
  );
}

const BARS = 22;

function Durations() {
  const values = durations.value;
  const from = useRef(-1);
  if (values.length < 2) return null;
  let low = Infinity, high = 0;
  for (const value of values) low = Math.min(low, Math.max(value, 1e5)), high = Math.max(high, value);
  if (high <= low) return null;
  const scale = Math.log(high / low) / BARS;
  const edge = (bar: number) => (bar <= 0 ? 0 : bar >= BARS ? Infinity : low * Math.exp(bar * scale));
  const bars = new Array<number>(BARS).fill(0);
  for (const value of values) bars[Math.max(0, Math.min(BARS - 1, Math.floor(Math.log(Math.max(value, 1e5) / low) / scale)))]!++;
  const most = Math.max(...bars);
  const inside = (bar: number) => !between.value || (edge(bar) >= between.value[0] && edge(bar + 1) <= between.value[1]);
  const barAt = (event: PointerEvent) => {
    const box = (event.currentTarget as Element).getBoundingClientRect();
    return Math.max(0, Math.min(BARS - 1, Math.floor(((event.clientX - box.left) / box.width) * BARS)));
  };
  const brush = (event: PointerEvent) => {
    if (from.current < 0) return;
    const at = barAt(event);
    between.value = [edge(Math.min(at, from.current)), edge(Math.max(at, from.current) + 1)];
  };
  return (
    <>
      <h2>Duration {between.value && <button class="clear" onClick={() => (between.value = undefined)}>clear</button>}</h2>
      <svg class="hist" viewBox={`0 0 ${BARS * 8} 42`} preserveAspectRatio="none" role="img" aria-label={`Durations from ${duration(low)} to ${duration(high)}; drag to narrow`}
        onPointerDown={(event) => { from.current = barAt(event); event.currentTarget.setPointerCapture(event.pointerId); brush(event); }} onPointerMove={brush} onPointerUp={() => (from.current = -1)}>
        {bars.map((value, bar) => <rect key={bar} class={inside(bar) ? "" : "out"} x={bar * 8 + 0.5} width={7} y={41 - (value / most) * 38} height={(value / most) * 38 + (value ? 1 : 0)} />)}
      </svg>
      <div class="ends"><span>{duration(low)}</span><span>{duration(high)}</span></div>
    </>
  );
}

function Facets() {
  return (
    <nav class="facets" aria-label="Filters" id="facets">
      <Durations />
      {counts.value.map(({ facet, values }) => {
        if (values.length === 0) return null;
        const most = Math.max(...values.map(([, number]) => number), 1);
        return (
          <section key={facet.name}>
            <h2>{facet.title}</h2>
            {values.slice(0, 12).map(([value, number]) => (
              <button key={value} class="facet" aria-pressed={filters.value.get(facet.name)?.has(value) ?? false} onClick={() => toggle(facet.name, value)}>
                <i style={{ width: `${(number / most) * 100}%` }} />
                {facet.name === "status" && <b class={value === "error" ? "st e" : "st"} />}
                <span><Words text={value} /></span><em>{count(number)}</em>
              </button>
            ))}
            {values.length > 12 && <p class="hint">{values.length - 12} more; search finds them</p>}
          </section>
        );
      })}
    </nav>
  );
}

/** The span of time that a row's timeline shows: one for all, so that rows compare. */
const scale = computed(() => {
  const times = tiles.value.times;
  return Math.min(quantile(times, 0.95), 5 * quantile(times, 0.5)) || 1;
});
const WIDE = 240;
const DRAWN = 60; // spans of a row's timeline

function Timeline({ row }: { row: number }) {
  void growth.value;
  const { kind, start, duration: took, error, first } = index.spans;
  const from = firstSpan[row]!;
  const spans = index.traces.spans[row]!;
  const over = index.traces.duration[row]! > scale.value;
  const x = (ns: number) => Math.min(WIDE, (ns / scale.value) * (WIDE - 12));
  const bars = [];
  for (let at = from, end = from + Math.min(spans, DRAWN); at < end; at++) {
    const name = KINDS[kind[at]!]!;
    if ((name === "chain" || name === "agent") && spans > 1) continue;
    const left = x(start[at]!);
    const wide = Math.max(1.5, x(start[at]! + took[at]!) - left);
    const [y, tall] = spans === 1 ? [6, 7] : name === "tool" || name === "embedding" ? [2, 5] : [10, 6];
    bars.push(<rect key={at} class={error[at] ? "bad" : `k-${name}`} x={left} y={y} width={wide} height={tall} rx={1} />);
    if (first[at] !== null) bars.push(<rect key={`w${at}`} class="wait" x={left} y={y} width={Math.max(0, Math.min(wide, x(start[at]! + first[at]!) - left))} height={tall} />);
  }
  return (
    <svg class="mini" viewBox={`0 0 ${WIDE} 18`} preserveAspectRatio="none" aria-hidden="true">
      {spans > 1 && <rect class="line" x={0} y={8} width={x(index.traces.duration[row]!)} height={1.5} />}
      {bars}
      {over && <path class="break" d={`M${WIDE - 12} 2l4 14M${WIDE - 7} 2l4 14`} />}
    </svg>
  );
}

export function tokens(input: number | null, output: number | null, estimated: number | boolean) {
  if (input === null && output === null) return <span class="dim">unknown</span>;
  return <>{estimated ? <span title="estimated">≈ </span> : null}{input === null ? "?" : count(input)}{output !== null && <small> + {count(output)}</small>}</>;
}

function Row({ row }: { row: number }) {
  void growth.value;
  const { name, error, duration: took, input, output, estimated, cost: dollars, unknown, calls, start, preview, tags, complete } = index.traces;
  const hit = found.value?.get(row);
  const models = mainModel(row);
  return (
    <>
      <span class={error[row]! >= 0 ? "st e" : "st"} title={error[row]! >= 0 ? text(error[row]!) : "ok"} />
      <span class="nm">
        <b><Words text={text(name[row]!)} /></b>
        {tags[row]!.map((tag) => <i class="tag" key={tag}>{text(tag)}</i>)}
        {!complete[row] && <i class="tag" title="not all of its spans came">part</i>}
        {error[row]! >= 0 && <span class="vh">failed</span>}
        <span>{hit ? <><Words text={hit.around.slice(0, hit.at)} /><mark><Words text={hit.around.slice(hit.at, hit.at + hit.size)} /></mark><Words text={hit.around.slice(hit.at + hit.size)} /></> : <Words text={text(preview[row]!)} />}</span>
      </span>
      <span class="md opt">{models}</span>
      <Timeline row={row} />
      <span class="r">{duration(took[row]!)}</span>
      <span class="r opt">{calls[row] ? tokens(input[row]!, output[row]!, estimated[row]!) : NONE}</span>
      <span class="r opt">{calls[row] ? <>{cost(dollars[row]!)}{dollars[row] !== null && unknown[row] ? <small title={`and ${unknown[row]} unknown`}> +?</small> : null}</> : NONE}</span>
      <span class="tm opt" title={day(index.base + start[row]! / 1e6)}>{clock(index.base + start[row]! / 1e6)}</span>
    </>
  );
}

const HEADS: [Order | "", string, string][] = [["", "", ""], ["name", "Trace", ""], ["model", "Model", "opt"], ["", "Timeline", ""], ["duration", "Duration", "r"], ["tokens", "Tokens", "r opt"], ["cost", "Cost", "r opt"], ["start", "Started", "r opt"]];

function Head() {
  return (
    <div class="hd">
      {HEADS.map(([key, title, kind]) =>
        key ? (
          <span key={title} class={kind}>
            <button aria-pressed={order.value === key} title={`order by ${title.toLowerCase()}`} onClick={() => { if (order.value === key) rising.value = !rising.value; else order.value = key; }}>
              {title}{order.value === key && <span aria-hidden="true"> {rising.value ? "↑" : "↓"}</span>}
              {order.value === key && <span class="vh">, {rising.value ? "rising" : "falling"}</span>}
            </button>
          </span>
        ) : <span key={title} class={kind}>{title}</span>,
      )}
    </div>
  );
}

function Export() {
  const close = (event: Event) => (event.currentTarget as Element).closest("details")?.removeAttribute("open");
  const done = (work: (rows: number[]) => unknown) => (event: Event) => { close(event); void work(sorted.value); };
  return (
    <details class="menu">
      <summary class="btn"><Icon name="save" />Export</summary>
      <div>
        <button onClick={done(saveJson)}>Traces, JSON lines</button>
        <button onClick={done(saveCsv)}>Rows, CSV</button>
        <button onClick={done(saveChats)}>Chats, fine-tuning lines</button>
        <button onClick={done((rows) => copy(rowsAsCsv(rows), "Rows"))}>Copy rows as CSV</button>
      </div>
    </details>
  );
}

export function TracesView() {
  const rows = sorted.value;
  const selected = openRow.value < 0 ? -1 : rows.indexOf(openRow.value);
  const stacked = narrow.value || openRow.value >= 0;
  const narrowed = filters.value.size > 0 || between.value !== undefined || query.value !== "";
  return (
    <div class="body">
      <Facets />
      <main class="main">
        <Tiles />
        <div class={openRow.value >= 0 ? "split open" : "split"}>
          <section class="list" aria-label="Traces">
            <div class="bar">
              <button class="btn onlynarrow" aria-controls="facets" onClick={() => document.getElementById("facets")?.classList.toggle("show")}><Icon name="filter" />Filters</button>
              <span role="status"><b>{count(rows.length)}</b> {rows.length === 1 ? "trace" : "traces"}{answered.value && ` with “${answered.value}”`}</span>
              {narrowed && <button class="clear" onClick={clearFilters}>show all</button>}
              <span class="grow" />
              <Export />
            </div>
            <Head />
            {rows.length > 0 ? (
              <List class={stacked ? "stacked" : ""} count={rows.length} height={stacked ? STACKED : ROW} label="Traces" selected={selected} id={(at) => keyOf(rows[at]!)} row={(at) => <Row row={rows[at]!} />} onSelect={(at) => show(rows[at]!)} />
            ) : (
              <p class="empty">{index.traces.id.length === 0 ? "There is no trace in this journal." : "No trace passes the filters."}</p>
            )}
          </section>
          {openRow.value >= 0 && <Detail row={openRow.value} rows={rows} />}
        </div>
      </main>
    </div>
  );
}
