// Figures over rows: quantiles, intervals, sums that know what they do not know.

export function quantile(sorted: readonly number[], share: number): number {
  if (sorted.length === 0) return NaN;
  const at = (sorted.length - 1) * share;
  const low = Math.floor(at);
  const high = Math.min(low + 1, sorted.length - 1);
  return sorted[low]! + (sorted[high]! - sorted[low]!) * (at - low);
}

export const ascending = (values: Iterable<number>): number[] => Array.from(Float64Array.from(values).sort()); // numbers sort fastest so

/** The 95 % interval of a share (Wilson). */
export function wilson(hits: number, of: number): [number, number] {
  if (of === 0) return [0, 1];
  const z = 1.96;
  const share = hits / of;
  const base = 1 + (z * z) / of;
  const middle = share + (z * z) / (2 * of);
  const reach = z * Math.sqrt((share * (1 - share)) / of + (z * z) / (4 * of * of));
  return [Math.max(0, (middle - reach) / base), Math.min(1, (middle + reach) / base)];
}

/** The 95 % interval of a median, by the ranks of the binomial distribution; of five or fewer there is none. */
export function medianInterval(sorted: readonly number[]): [number, number] {
  const low = Math.floor(sorted.length / 2 - 0.5 - 0.98 * Math.sqrt(sorted.length));
  return low < 0 ? [-Infinity, Infinity] : [sorted[low]!, sorted[sorted.length - 1 - low]!];
}

/** Where an axis from 0 has its marks: about four, at round numbers, none close to its end. */
export function ticks(total: number): number[] {
  const rough = total / 4;
  const unit = 10 ** Math.floor(Math.log10(rough || 1));
  const step = [1, 2, 5, 10].map((times) => times * unit).find((one) => one >= rough) ?? unit;
  const made = [];
  for (let at = 0; at < total * 0.97; at += step) made.push(at);
  return made;
}

/** null if nothing is known. */
export function known(values: Iterable<number | null>): { sum: number | null; missing: number } {
  let sum: number | null = null;
  let missing = 0;
  for (const value of values) {
    if (value === null) missing++;
    else sum = (sum ?? 0) + value;
  }
  return { sum, missing };
}

/** Words of `after` with what was there in `before`: "same", "new" or "gone". */
export function wordDiff(before: string, after: string): ["same" | "new" | "gone", string][] {
  const a = before.match(/\s*\S+/g) ?? [];
  const b = after.match(/\s*\S+/g) ?? [];
  if (a.length * b.length > 250_000) return [["new", after]];
  const width = b.length + 1;
  const best = new Uint32Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      best[i * width + j] = a[i]!.trim() === b[j]!.trim() ? best[(i + 1) * width + j + 1]! + 1 : Math.max(best[(i + 1) * width + j]!, best[i * width + j + 1]!);
  const made: ["same" | "new" | "gone", string][] = [];
  const put = (what: "same" | "new" | "gone", word: string) => {
    const last = made[made.length - 1];
    if (last && last[0] === what) last[1] += word;
    else made.push([what, word]);
  };
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i]!.trim() === b[j]!.trim()) put("same", b[j++]!), i++;
    else if (j >= b.length || (i < a.length && best[(i + 1) * width + j]! >= best[i * width + j + 1]!)) put("gone", a[i++]!);
    else put("new", b[j++]!);
  }
  return made;
}
