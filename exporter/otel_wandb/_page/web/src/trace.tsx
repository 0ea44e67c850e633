// One trace: its waterfall, and of the chosen span the conversation, the attributes, the JSON.
import { useEffect, useMemo, useState } from "preact/hooks";
import { NONE, briefly, clock, count, cost, day, duration, plural } from "./format";
import { known, ticks } from "./figures";
import { Icon } from "./icons";
import { Conversation } from "./conversation";
import { pythonCall } from "./python";
import { copy, costOf, wholeSpan, wholeTrace } from "./saving";
import type { Json, Span, Trace } from "./schema";
import { answered } from "./search";
import { link, session, show, chosen, span as wanted, view } from "./state";
import { KINDS, firstSpan, index, messages, text, timesGrown, trace } from "./store";
import { Text, Tree, Words } from "./text";
import { tokens } from "./traces";
import { List } from "./list";

/** What was read for `key`; undefined until then, and not what belongs to another. Read again if `times` changes. */
export function useRead<Value>(key: string | number, read: () => Promise<Value | undefined>, times = 0): Value | undefined {
  const [held, setHeld] = useState<{ key: string | number; value: Value | undefined }>();
  useEffect(() => {
    let wanted = true;
    void read().then((value) => wanted && setHeld({ key, value }));
    return () => void (wanted = false);
  }, [key, times]);
  return held?.key === key ? held.value : undefined;
}

interface Line { at: number; depth: number; calls: number[] }

/** The spans in the order of the tree, each with the calls at and below it. */
function lines(row: number): Line[] {
  const from = firstSpan[row]!;
  const size = index.traces.spans[row]!;
  const children: number[][] = Array.from({ length: size }, () => []);
  const roots: number[] = [];
  for (const at of inTime(row)) {
    const parent = index.spans.parent[from + at]!;
    (parent >= 0 && parent !== at ? children[parent]! : roots).push(at);
  }
  const made: Line[] = [];
  const seen = new Set<number>();
  const stack = roots.reverse().map((at) => ({ at, depth: 0, above: [] as Line[] }));
  for (let next = stack.pop(); next; next = stack.pop()) {
    if (seen.has(next.at)) continue;
    seen.add(next.at);
    const line: Line = { at: next.at, depth: next.depth, calls: [] };
    if (index.spans.call[from + next.at]) for (const one of [...next.above, line]) one.calls.push(from + next.at);
    made.push(line);
    for (const child of children[next.at]!.reverse()) stack.push({ at: child, depth: next.depth + 1, above: [...next.above, line] });
  }
  for (let at = 0; at < size; at++) if (!seen.has(at)) made.push({ at, depth: 0, calls: index.spans.call[from + at] ? [from + at] : [] }); // each other's parents
  return made;
}

/** The spans by their start: those that came later have later places. */
function inTime(row: number): number[] {
  const from = firstSpan[row]!;
  return Array.from({ length: index.traces.spans[row]! }, (_, at) => at).sort((a, b) => index.spans.start[from + a]! - index.spans.start[from + b]! || a - b);
}

const TALL = 28;
const LABELLED = 0.75; // of the axis: a label further right would run into the next column

function Waterfall({ row }: { row: number }) {
  const made = useMemo(() => lines(row), [row, timesGrown(row)]);
  const from = firstSpan[row]!;
  const total = index.traces.duration[row]! || 1;
  const at = Math.max(0, made.findIndex((line) => line.at === chosen.value));
  return (
    <section class="wf" aria-label="Waterfall" style={{ "--rows": String(Math.min(made.length, 14)) }}>
      <div class="axis">
        <span>Span</span>
        <span class="scale">{ticks(total).filter((tick) => tick <= total * LABELLED).map((tick) => <i key={tick} style={{ left: `${(tick / total) * 100}%` }}>{tick === 0 ? "0" : briefly(tick)}</i>)}</span>
        <span class="r">duration</span><span class="r">tokens</span><span class="r">cost</span>
      </div>
      <List class="wlist" count={made.length} height={TALL} label="Spans" selected={at} id={(one) => `${row}-${made[one]!.at}`} onSelect={(one) => (wanted.value = made[one]!.at)}
        row={(one) => <WaterfallRow line={made[one]!} at={from + made[one]!.at} total={total} />} />
    </section>
  );
}

function WaterfallRow({ line, at, total }: { line: Line; at: number; total: number }) {
  const { kind, name, start, duration: took, error, first, call, input, output, estimated, cost: dollars } = index.spans;
  const icon = KINDS[kind[at]!]!;
  const sum = !call[at] && line.calls.length > 0;
  const paid = known(line.calls.map((one) => dollars[one]!));
  const asked = known(line.calls.map((one) => input[one]!));
  const said = known(line.calls.map((one) => output[one]!));
  const left = (start[at]! / total) * 100;
  const wide = (took[at]! / total) * 100;
  const wait = first[at] === null || !took[at] ? 0 : Math.min(100, (first[at]! / took[at]!) * 100);
  return (
    <>
      <span class={`n k-${icon}`} style={{ paddingLeft: `${Math.min(line.depth, 12) * 20}px` }}>
        <Icon name={icon} /><span class={error[at] ? "bad" : ""}><Words text={text(name[at]!)} /></span>
        <span class="vh">{icon}{error[at] ? ", failed" : ""}</span>
      </span>
      <span class="track">
        <i class={`bar k-${icon} ${error[at] ? "bad" : ""} ${icon === "chain" || icon === "agent" ? "thin" : ""}`} style={{ left: `${left}%`, width: `max(2px, ${wide}%)` }}>
          {wait > 0 && <b class="waited" style={{ width: `${wait}%` }} title={`first token after ${duration(first[at]!)}`} />}
        </i>
      </span>
      <span class="r">{duration(took[at]!)}</span>
      <span class="r">{line.calls.length === 0 ? "" : sum ? <small>Σ {tokens(asked.sum, said.sum, line.calls.some((one) => estimated[one]))}</small> : tokens(input[at]!, output[at]!, estimated[at]!)}</span>
      <span class="r">{line.calls.length === 0 ? "" : sum ? <small title={paid.missing ? `and ${paid.missing} unknown` : "a sum"}>Σ {cost(paid.sum)}{paid.sum !== null && paid.missing ? " +?" : ""}</small> : cost(dollars[at]!)}</span>
    </>
  );
}

export function Detail({ row, rows }: { row: number; rows: readonly number[] }) {
  const { name, duration: took, error, calls, input, output, estimated, cost: dollars, unknown, start, user, id } = index.traces;
  const found = useRead(row, () => trace(row), timesGrown(row));
  const place = rows.indexOf(row);
  const root = KINDS[index.spans.kind[firstSpan[row]! + (inTime(row)[0] ?? 0)] ?? 0]!;
  const sessionName = text(index.traces.session[row]!);
  const feedback = index.feedback.filter(([of]) => of === row);
  return (
    <aside class="detail" aria-label="Trace">
      <header class="dh">
        <div class="l1">
          <span class={`badge k-${root}`}><Icon name={root} />{root}</span>
          <h2><Words text={text(name[row]!)} /></h2>
          <span class="grow" />
          <button class="icon" aria-label="Previous trace" title="previous (k)" disabled={place <= 0} onClick={() => show(rows[place - 1]!)}><Icon name="up" /></button>
          <button class="icon" aria-label="Next trace" title="next (j)" disabled={place < 0 || place >= rows.length - 1} onClick={() => show(rows[place + 1]!)}><Icon name="down" /></button>
          <button class="btn" onClick={() => void copy(link(), "Link")}><Icon name="link" />Link</button>
          <button class="btn" title={id[row]} onClick={() => void copy(id[row]!, "Trace id")}><Icon name="copy" />{id[row]!.slice(0, 8)}</button>
          <button class="btn wide" disabled={!found} onClick={() => found && void wholeTrace(found).then((whole) => copy(JSON.stringify(whole, null, 2), "Trace"))}><Icon name="copy" />Trace</button>
          <button class="icon" aria-label="Close the trace" title="close (Esc)" onClick={() => show(-1)}><Icon name="close" /></button>
        </div>
        <dl class="stats">
          <div><dt>Duration</dt><dd>{duration(took[row]!)}</dd></div>
          {calls[row]! > 0 && <div><dt>Tokens</dt><dd>{tokens(input[row]!, output[row]!, estimated[row]!)}{estimated[row] ? <small> estimated</small> : null}</dd></div>}
          {calls[row]! > 0 && <div><dt>Cost</dt><dd title={found?.totals.cost_reason ?? undefined}>{costOf(dollars[row]!, unknown[row]!)}{unknown[row]! > 0 && found?.totals.cost_reason ? <small> ({found.totals.cost_reason})</small> : null}</dd></div>}
          <div><dt>Calls</dt><dd>{count(calls[row]!)}</dd></div>
          <div><dt>Started</dt><dd>{day(index.base + start[row]! / 1e6)} {clock(index.base + start[row]! / 1e6, true)}</dd></div>
          {sessionName && <div><dt>Session</dt><dd><button class="lk" onClick={() => { session.value = sessionName; view.value = "sessions"; }}><Words text={sessionName} /></button></dd></div>}
          {user[row]! >= 0 && <div><dt>User</dt><dd><Words text={text(user[row]!)} /></dd></div>}
          {feedback.map(([, key, value]) => <div key={key}><dt><Words text={text(key)} /></dt><dd><Words text={typeof value === "string" ? value : JSON.stringify(value)} /></dd></div>)}
          {!index.traces.complete[row] && <div><dt>Incomplete</dt><dd>{found?.reason ?? ""}</dd></div>}
        </dl>
        {error[row]! >= 0 && <p class="failed"><Icon name="warn" /><Words text={text(error[row]!)} /></p>}
      </header>
      <Waterfall key={row} row={row} />
      {found ? <SpanDetail key={`${row}/${chosen.value}`} trace={found} at={Math.min(chosen.value, found.spans.length - 1)} /> : <div class="sd" aria-busy="true" />}
    </aside>
  );
}

const TABS = ["Messages", "Attributes", "JSON"] as const;
type Tab = (typeof TABS)[number];
let lastTab: Tab = "Messages";

function SpanDetail({ trace, at }: { trace: Trace; at: number }) {
  const [tab, setTab] = useState<Tab>(lastTab);
  const span = trace.spans[at];
  if (!span) return <div class="sd" />;
  const choose = (next: Tab) => { lastTab = next; setTab(next); };
  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = TABS[(TABS.indexOf(tab) + step + TABS.length) % TABS.length]!;
    choose(next);
    document.getElementById(`tab-${next}`)?.focus();
  };
  return (
    <section class="sd" aria-label="Span">
      <div class="tabs">
        <div role="tablist" aria-label="What of the span" onKeyDown={onKeyDown}>
          {TABS.map((name) => <button key={name} role="tab" id={`tab-${name}`} aria-selected={tab === name} aria-controls="panel" tabIndex={tab === name ? 0 : -1} onClick={() => choose(name)}>{name}</button>)}
        </div>
        <span class="grow" />
        {span.call && <button class="btn" title="the call, for openai 0.28" onClick={() => void copyPython(span)}><Icon name="copy" />Python</button>}
        <button class="btn" onClick={() => void wholeSpan(span).then((whole) => copy(JSON.stringify(whole, null, 2), "Span"))}><Icon name="copy" />JSON</button>
      </div>
      <div class="panel" role="tabpanel" id="panel" aria-labelledby={`tab-${tab}`} tabIndex={0}>
        {span.status && <div class="failure"><b>{span.call?.error_type ?? (span.error ? "Error" : "Status")}{span.call?.http_status ? ` · HTTP ${span.call.http_status}` : ""}</b><Text text={span.status} mono mark={answered.value} /></div>}
        {tab === "Messages" ? <Said span={span} /> : tab === "Attributes" ? <Attributes span={span} /> : <Whole span={span} />}
      </div>
    </section>
  );
}

async function copyPython(span: Span): Promise<void> {
  const call = span.call!;
  const asked = await messages(call.asked);
  const tools = call.tools === null ? undefined : (await messages([call.tools]))[0]!.tools;
  await copy(pythonCall(call, asked, tools), "Call");
}

function Said({ span }: { span: Span }) {
  const call = span.call;
  if (!call) return <Values span={span} />;
  const chips: [string, string | null][] = [
    ["model", call.response_model ?? call.request_model],
    ...Object.entries(call.parameters).map(([name, value]): [string, string] => [name, typeof value === "string" ? value : JSON.stringify(value)]),
    ["prompt", call.prompt_name && `${call.prompt_name} v${call.prompt_version ?? "?"}`],
    ["finish", call.finish_reasons.join(", ") || null],
    ["first token", call.first_chunk === null ? null : duration(call.first_chunk * 1e9)],
    ["cached", call.usage.cache_read === null ? null : count(call.usage.cache_read)],
    ["reasoning", call.usage.reasoning === null ? null : count(call.usage.reasoning)],
    ["cost", cost(call.cost) + (call.cost_reason ? ` (${call.cost_reason})` : "")],
  ];
  return (
    <>
      <ul class="chips">
        {chips.map(([name, value]) => value !== null && <li key={name}>{name} <b><Words text={value.slice(0, 200)} /></b></li>)}
        <li>tokens <b>{tokens(call.usage.input, call.usage.output, call.estimated)}</b>{call.estimated && " estimated"}</li>
      </ul>
      <Conversation call={call} />
    </>
  );
}

function Values({ span }: { span: Span }) {
  const sides = [["Input", span.inputs], ["Output", span.outputs]] as const;
  if (!span.inputs && !span.outputs) return <p class="empty">This span has no messages. Its attributes may say more.</p>;
  return <>{sides.map(([title, values]) => values && <section key={title}><h3>{title}</h3>{Object.entries(values).map(([name, number]) => <Value key={name} name={name} number={number} />)}</section>)}</>;
}

function Value({ name, number }: { name: string; number: number }) {
  const found = useRead(number, async () => (await messages([number]))[0]);
  return <div class="msg"><div class="role"><Words text={name} /></div>{found && <Maybe text={found.text ?? JSON.stringify(found)} />}</div>;
}

/** JSON as a tree, anything else as it is. */
export function Maybe({ text }: { text: string }) {
  const value = parsed(text);
  return value === undefined ? <Text text={text} mark={answered.value} /> : <div class="text"><Tree value={value} open /></div>;
}
function parsed(text: string): Json | undefined {
  if (!/^\s*[[{]/.test(text)) return undefined;
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}

function Attributes({ span }: { span: Span }) {
  const start = span.start;
  return (
    <>
      <table class="at"><tbody>
        {([["span id", span.id], ["parent", span.parent ?? NONE], ["scope", span.scope], ["kind", span.kind], ...Object.entries(span.attributes)] as [string, Json][]).map(([name, value]) => (
          <tr key={name}><th scope="row"><Words text={name} /></th><td>{typeof value === "string" ? <Text text={value} mono mark={answered.value} /> : <Tree value={value} />}</td></tr>
        ))}
      </tbody></table>
      {span.events.length > 0 && <h3>{plural(span.events.length, "event")}</h3>}
      {span.events.map((event, at) => <div key={at} class="msg"><div class="role">{duration(event.time - start)}</div><div class="text"><b><Words text={event.name} /></b><Tree value={event.attributes} /></div></div>)}
    </>
  );
}

function Whole({ span }: { span: Span }) {
  const whole = useRead(span.id, () => wholeSpan(span));
  return whole ? <Tree value={whole} open /> : null;
}
