// Latency over time: the calls of each group in bins of the time that all groups share.
import { ascending, quantile } from "./figures";

/** In ns. */
export interface Asked { start: number; took: number; failed: boolean }
/** `median` and `p95` are those of the `n` calls that were answered; NaN without one. */
export interface Bin { n: number; failed: number; median: number; p95: number }
/** `top` ends the scale that all share; `beyond` is the largest p95 where that is more, and undefined where all fits. */
export interface OverTime { from: number; to: number; step: number; top: number; beyond: number | undefined; groups: Bin[][] }

const FEWEST = 9, MOST = 25; // bins
const CALLS = 8; // in a bin, of the group that has most
const TALL = 4; // times the largest median: one slow call must not press all lines to the ground

export function overTime(groups: readonly (readonly Asked[])[]): OverTime {
  let from = Infinity, to = -Infinity, largest = 0;
  for (const calls of groups) {
    largest = Math.max(largest, calls.length);
    for (const { start } of calls) from = Math.min(from, start), to = Math.max(to, start);
  }
  // An odd number: the middle one has what happened in one instant.
  const number = Math.min(MOST, Math.max(FEWEST, Math.round(largest / CALLS))) | 1;
  const place = (start: number) => (to > from ? Math.min(number - 1, Math.floor(((start - from) / (to - from)) * number)) : number >> 1);
  const made = groups.map((calls) => binned(calls, number, place));
  const most = (figure: "median" | "p95") => Math.max(0, ...made.flat().map((bin) => bin[figure]).filter(Number.isFinite));
  const [median, p95] = [most("median"), most("p95")];
  const top = median > 0 ? Math.min(p95, TALL * median) : p95;
  return { from, to, step: (to - from) / number, top, beyond: p95 > top ? p95 : undefined, groups: made };
}

function binned(calls: readonly Asked[], number: number, place: (start: number) => number): Bin[] {
  const took: number[][] = Array.from({ length: number }, () => []);
  const failed = new Array<number>(number).fill(0);
  for (const call of calls) {
    const at = place(call.start);
    if (call.failed) failed[at]!++;
    else took[at]!.push(Math.max(0, call.took)); // a clock that was set back
  }
  return took.map((values, at) => {
    const sorted = ascending(values);
    return { n: sorted.length, failed: failed[at]!, median: quantile(sorted, 0.5), p95: quantile(sorted, 0.95) };
  });
}

/** The first and last bins of the stretches without a gap: a line over a gap would say what nobody measured. */
export function stretches(bins: readonly Bin[]): [number, number][] {
  const made: [number, number][] = [];
  bins.forEach((bin, at) => {
    if (bin.n === 0) return;
    const last = made[made.length - 1];
    if (last && last[1] === at - 1) last[1] = at;
    else made.push([at, at]);
  });
  return made;
}

/** The next bin, forwards or backwards, in which any group has a call; -1 if there is none. */
export function nextBin(groups: readonly (readonly Bin[])[], at: number, by: 1 | -1): number {
  const number = groups[0]?.length ?? 0;
  for (let next = at + by; next >= 0 && next < number; next += by) if (groups.some((bins) => bins[next]!.n + bins[next]!.failed > 0)) return next;
  return -1;
}
