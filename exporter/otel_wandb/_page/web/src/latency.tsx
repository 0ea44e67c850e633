// Latency over time, in the view Compare: a panel for each group, all on one axis of time and one scale.
import { computed, signal } from "@preact/signals";
import { nextBin, overTime, stretches } from "./bins";
import type { Bin } from "./bins";
import { quantile, ticks } from "./figures";
import { briefly, count, duration, moment } from "./format";
import { groups } from "./groups";
import type { Group } from "./groups";
import { index } from "./store";
import { Words } from "./text";

const TALL = 100, ROOM = 4, MARKS = 12; // px: the plot, what is free above it, and the marks of failed calls below

const chart = computed(() => overTime(groups.value.map((group) => group.calls)));
/** The bin that is pointed at, in all panels; -1 for none. */
const pointed = signal(-1);

const y = (ns: number): number => TALL - Math.min(1, ns / (chart.value.top || 1)) * (TALL - ROOM);
const timeOf = (ns: number): string => moment(index.base + ns / 1e6, chart.value.step / 1e6, (chart.value.to - chart.value.from) / 1e6);
const timesOf = (at: number): string => {
  const { from, step } = chart.value;
  const [first, last] = [timeOf(from + at * step), timeOf(from + (at + 1) * step)];
  return step > 0 ? `${first} to ${last}` : timeOf(from);
};

function onKeyDown(event: KeyboardEvent): void {
  const all = chart.value.groups;
  const size = all[0]?.length ?? 0;
  const at = pointed.value;
  const next = {
    ArrowRight: nextBin(all, at, 1),
    ArrowLeft: nextBin(all, at < 0 ? size : at, -1),
    Home: nextBin(all, -1, 1),
    End: nextBin(all, size, -1),
  }[event.key];
  if (next !== undefined) {
    event.preventDefault();
    if (next >= 0) pointed.value = next;
  } else if (event.key === "Escape" && at >= 0) {
    event.stopPropagation();
    pointed.value = -1;
  }
}

export function LatencyOverTime() {
  const { top, beyond, groups: bins } = chart.value;
  return (
    <section>
      <h2 class="big">Latency over time</h2>
      <p class="hint">Median of the calls that were answered, with a band to the 95th percentile{beyond !== undefined && ` (up to ${duration(beyond)}; cut at ${duration(top)})`}. Red marks are failed calls.</p>
      <div class="panels" tabIndex={0} role="group" aria-label="Latency over time; the arrow keys go through the time" onKeyDown={onKeyDown} onBlur={() => (pointed.value = -1)} onPointerLeave={() => (pointed.value = -1)}>
        {groups.value.map((group, at) => bins[at] && <Panel key={group.name} group={group} bins={bins[at]} color={at} />)}
      </div>
    </section>
  );
}

function Panel({ group, bins, color }: { group: Group; bins: Bin[]; color: number }) {
  const { from, to, top } = chart.value;
  const at = pointed.value < bins.length ? pointed.value : -1;
  const whole: Bin = { n: group.took.length, failed: group.failed, median: quantile(group.took, 0.5), p95: quantile(group.took, 0.95) };
  const shown = bins[at] ?? whole;
  return (
    <figure class={`over g${color}`}>
      <figcaption>
        <i class="dot" /><b><Words text={group.name} /></b>
        <span>n = {count(shown.n)}{shown.failed > 0 && <>, <em>{count(shown.failed)} failed</em></>}</span>
      </figcaption>
      <p>{reading(shown)}</p>
      <div class="plot">
        {scale(top).map((tick) => <small key={tick} style={{ top: `${y(tick)}px` }}>{tick === 0 ? "0" : briefly(tick)}</small>)}
        <Curve bins={bins} at={at} label={`Latency of ${group.name} over time, ${timeOf(from)} to ${timeOf(to)}: ${reading(whole)}, of ${whole.n}; ${whole.failed} failed`} />
      </div>
      <div class="ends">{at >= 0 ? <b>{timesOf(at)}</b> : <><span>{timeOf(from)}</span>{to > from && <span>{timeOf(to)}</span>}</>}</div>
    </figure>
  );
}

const reading = ({ n, median, p95 }: Bin): string => (n > 0 ? `median ${duration(median)}, p95 ${duration(p95)}` : "no answer");
const scale = (top: number): number[] => (top > 0 ? ticks(top) : [0]);

function Curve({ bins, at, label }: { bins: Bin[]; at: number; label: string }) {
  const onPointer = (event: PointerEvent & { currentTarget: Element }) => {
    const box = event.currentTarget.getBoundingClientRect();
    pointed.value = Math.max(0, Math.min(bins.length - 1, Math.floor(((event.clientX - box.left) / box.width) * bins.length)));
  };
  const whole = stretches(bins);
  return (
    <svg viewBox={`0 0 ${bins.length} ${TALL + MARKS}`} preserveAspectRatio="none" role="img" aria-label={label} onPointerMove={onPointer} onPointerDown={onPointer}>
      {scale(chart.value.top).map((tick) => <line key={tick} class="tick" x1={0} x2={bins.length} y1={y(tick)} y2={y(tick)} />)}
      {at >= 0 && <rect class="at" x={at} y={0} width={1} height={TALL + MARKS} />}
      {whole.map(([first, last]) => (
        <g key={first}>
          <path class="band" d={`M${along(bins, first, last, "p95").join("L")}L${along(bins, first, last, "median").reverse().join("L")}Z`} />
          <path class="mid" d={`M${along(bins, first, last, "median").join("L")}`} />
        </g>
      ))}
      {bins.map(({ failed }, place) => failed > 0 && <rect key={place} class="failed" x={place + 0.25} y={TALL + 2} width={0.5} height={Math.min(MARKS - 2, 2.5 + 1.5 * failed)} />)}
    </svg>
  );
}

/** Points in the middles of the bins; the ends reach a little further, so that a bin alone is a line too. */
function along(bins: Bin[], first: number, last: number, figure: "median" | "p95"): string[] {
  const points: [number, number][] = [[first + 0.2, y(bins[first]![figure])]];
  for (let at = first; at <= last; at++) points.push([at + 0.5, y(bins[at]![figure])]);
  points.push([last + 0.8, y(bins[last]![figure])]);
  return points.map(([x, value]) => `${x} ${value.toFixed(1)}`);
}
