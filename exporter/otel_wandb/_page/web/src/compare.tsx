// The view Compare: groups of calls on one axis, with what is not sure said.
import { NONE, cost, count, duration, percent, plural } from "./format";
import { medianInterval, quantile, wilson, wordDiff } from "./figures";
import { BY, groups, models, others } from "./groups";
import type { Group } from "./groups";
import { Icon } from "./icons";
import { LatencyOverTime } from "./latency";
import { baseline, compareBy, compareWithin, show } from "./state";
import { firstSpan, index, messages } from "./store";
import { Words } from "./text";
import { useRead } from "./trace";
import { words } from "./words";

function Choice({ label, value, values, onChange }: { label: string; value: string; values: [string, string][]; onChange(value: string): void }) {
  return <label class="choice"><span>{label}</span><select value={value} onChange={(event) => onChange(event.currentTarget.value)}>{values.map(([key, name]) => <option key={key} value={key} selected={key === value}>{name}</option>)}</select></label>;
}

export function CompareView() {
  const all = groups.value;
  const base = all.find((group) => group.name === baseline.value) ?? all[0];
  const of = all.reduce((sum, group) => sum + group.spans.length, 0);
  return (
    <main class="page wide" tabIndex={0} aria-label="Compare">
      <div class="choices">
        <Choice label="Compare by" value={compareBy.value} values={BY} onChange={(value) => { compareBy.value = value; baseline.value = ""; }} />
        <Choice label="Baseline" value={base?.name ?? ""} values={all.map((group) => [group.name, group.name])} onChange={(value) => (baseline.value = value)} />
        <Choice label="Within" value={compareWithin.value} values={[["", "all models"], ...models.value.map((name): [string, string] => [name, name])]} onChange={(value) => (compareWithin.value = value)} />
        <span class="hint">{count(of)} calls{others.value > 0 && `, without ${plural(others.value, "smaller group")}`} · bar: middle half · line: 5 to 95 % · mark: median</span>
      </div>
      {!base ? <p class="empty">No call has this. Choose something else to compare by.</p> : (
        <>
          <Caution all={all} base={base} />
          <Table all={all} base={base} />
          <LatencyOverTime />
          <SameQuestion all={all} base={base} />
        </>
      )}
    </main>
  );
}

function Caution({ all, base }: { all: Group[]; base: Group }) {
  if (compareBy.value === "model" || compareWithin.value) return null;
  const [top] = [...base.models].sort((a, b) => b[1] - a[1])[0] ?? [""];
  const share = (group: Group) => (group.models.get(top) ?? 0) / group.spans.length;
  const other = all.find((group) => Math.abs(share(group) - share(base)) > 0.05);
  if (!other) return null;
  return (
    <div class="caution"><Icon name="warn" /><span><b><Words text={other.name} /></b> was asked with {top} in {percent(share(other))} of its calls, <b><Words text={base.name} /></b> in {percent(share(base))}. Part of the difference is the model's.</span>
      <button class="btn" onClick={() => (compareWithin.value = top)}>Compare within {top}</button></div>
  );
}

const titleOf = (by: string): string => BY.find(([key]) => key === by)?.[1] ?? "Group";
const WIDE = 200;

function Range({ sorted, most, base, color }: { sorted: number[]; most: number; base: number; color: number }) {
  if (sorted.length === 0) return <span class="dim">{NONE}</span>;
  const x = (value: number) => Math.min(WIDE, (value / most) * WIDE);
  const [low, a, middle, b, high] = [0.05, 0.25, 0.5, 0.75, 0.95].map((share) => x(quantile(sorted, share))) as [number, number, number, number, number];
  return (
    <svg class={`range g${color}`} viewBox={`0 0 ${WIDE} 24`} preserveAspectRatio="none" aria-hidden="true">
      {Number.isFinite(base) && <line class="base" x1={x(base)} x2={x(base)} y1={0} y2={24} />}
      <rect class="reach" x={low} y={11} width={Math.max(1, high - low)} height={2} /><rect class="half" x={a} y={7} width={Math.max(1, b - a)} height={10} /><rect class="mid" x={Math.max(0, Math.min(WIDE - 2.5, middle - 1))} y={4} width={2.5} height={16} />
    </svg>
  );
}

/** The change of a median, and whether the intervals of the two lie apart. */
function Change({ sorted, base }: { sorted: number[]; base: number[] }) {
  const [now, was] = [quantile(sorted, 0.5), quantile(base, 0.5)];
  if (!Number.isFinite(now) || !was) return null;
  const [low, high] = medianInterval(sorted);
  const [from, to] = medianInterval(base);
  const sure = low > to || high < from;
  const change = now / was - 1;
  return <small class={sure ? (change < 0 ? "better" : "worse") : "dim"}>{change < 0 ? "−" : "+"}{Math.abs(change * 100).toFixed(0)} %{sure ? "" : " not sure"}</small>;
}

function Table({ all, base }: { all: Group[]; base: Group }) {
  const top = (column: "took" | "first" | "output") => Math.max(...all.map((group) => quantile(group[column], 0.95)).filter(Number.isFinite), 0) || 1;
  const [took, first, output] = [top("took"), top("first"), top("output")];
  const middle = (group: Group, column: "took" | "first" | "output") => quantile(group[column], 0.5);
  const title = titleOf(compareBy.value);
  const errors = Math.max(...all.map((group) => wilson(group.failed, group.spans.length)[1]), 0.01);
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Groups">
      <table class="cmp">
        <thead><tr><th scope="col">{title}</th><th scope="col">Calls</th><th scope="col">Errors <small>to {percent(errors)}</small></th><th scope="col" colSpan={2}>Latency <small>to {duration(took)}</small></th><th scope="col">First token <small>to {duration(first)}</small></th><th scope="col">Output tokens <small>to {count(Math.round(output))}</small></th><th scope="col">Cost a call</th><th scope="col">Total</th></tr></thead>
        <tbody>
          {all.map((group, at) => {
            const [low, high] = wilson(group.failed, group.spans.length);
            const n = group.spans.length - group.cost.missing;
            const each = group.cost.sum === null ? null : group.cost.sum / n;
            const was = base.cost.sum === null ? null : base.cost.sum / (base.spans.length - base.cost.missing);
            return (
              <tr key={group.name}>
                <th scope="row"><i class={`dot g${at}`} /><Words text={group.name} />{group === base && <em class="tag">baseline</em>}</th>
                <td>{count(group.spans.length)}</td>
                <td>{percent(group.failed / group.spans.length)} <small class="dim">{group.failed || ""}</small><span class="wil" title={`between ${percent(low)} and ${percent(high)}`}><i style={{ left: `${(low / errors) * 100}%`, width: `${((high - low) / errors) * 100}%` }} /><b style={{ left: `${(group.failed / group.spans.length / errors) * 100}%` }} /></span></td>
                <td class="plot"><Range sorted={group.took} most={took} base={middle(base, "took")} color={at} /></td>
                <td>{group.took.length > 0 && <>{duration(middle(group, "took"))} <small class="dim">p95 {duration(quantile(group.took, 0.95))}</small><br /></>}{group === base ? <small class="dim">baseline</small> : <Change sorted={group.took} base={base.took} />}</td>
                <td class="plot"><Range sorted={group.first} most={first} base={middle(base, "first")} color={at} /><small class="dim">{group.first.length ? duration(middle(group, "first")) : ""}</small></td>
                <td class="plot"><Range sorted={group.output} most={output} base={middle(base, "output")} color={at} /><small class="dim">{group.output.length ? count(Math.round(middle(group, "output"))) : ""}</small></td>
                <td>{cost(each)}<br />{group === base ? <small class="dim">baseline</small> : each !== null && was ? <small class={each < was ? "better" : "worse"}>{each < was ? "−" : "+"}{Math.abs((each / was - 1) * 100).toFixed(0)} %</small> : null}</td>
                <td>{cost(group.cost.sum)}{group.cost.missing > 0 && group.cost.sum !== null && <small class="dim"> +{group.cost.missing} unknown</small>}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

function SameQuestion({ all, base }: { all: Group[]; base: Group }) {
  const byQuestion = all.map((group) => {
    const made = new Map<number, number>();
    for (const at of group.spans) if (index.spans.question[at]! >= 0 && index.spans.answer[at]! >= 0 && !made.has(index.spans.question[at]!)) made.set(index.spans.question[at]!, at);
    return made;
  });
  const mine = byQuestion[all.indexOf(base)]!;
  const shared = [...mine.keys()].filter((question) => byQuestion.some((other) => other !== mine && other.has(question)));
  if (shared.length === 0) return null;
  const title = titleOf(compareBy.value);
  return (
    <section>
      <h2 class="big">Same question, different {title.toLowerCase()}</h2>
      <p class="hint">{count(shared.length)} questions were answered by more than one; words that the baseline does not have are marked.</p>
      {shared.slice(0, 3).map((question) => <Answers key={question} question={question} spans={byQuestion.map((one) => one.get(question))} all={all} base={all.indexOf(base)} />)}
    </section>
  );
}

function Answers({ question, spans, all, base }: { question: number; spans: (number | undefined)[]; all: Group[]; base: number }) {
  const numbers = [question, ...spans.map((at) => (at === undefined ? question : index.spans.answer[at]!))];
  const said = useRead(numbers.join(), () => messages(numbers));
  if (!said) return null;
  const before = words(said[base + 1]!);
  return (
    <>
      <p class="asked"><Words text={words(said[0]!)} /></p>
      <div class="answers">
        {all.map((group, place) => {
          const at = spans[place];
          if (at === undefined) return null;
          const after = words(said[place + 1]!);
          return (
            <article class="reply" key={group.name}>
              <header><i class={`dot g${place}`} /><button class="lk" onClick={() => openSpan(group.rows.get(at)!, at)}><Words text={group.name} /></button><span class="grow" /><small class="dim">{duration(index.spans.duration[at]!)} · {index.spans.output[at] ?? "?"} tokens · {cost(index.spans.cost[at]!)}</small></header>
              <div class="text">{place === base ? <Words text={after} /> : wordDiff(before, after).map(([what, run], key) => what === "same" ? <Words key={key} text={run} /> : what === "new" ? <ins key={key}><Words text={run} /></ins> : <del key={key}><Words text={run} /></del>)}</div>
            </article>
          );
        })}
      </div>
    </>
  );
}
const openSpan = (row: number, at: number): void => show(row, at - firstSpan[row]!);
