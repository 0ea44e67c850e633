// Numbers as people read them. What is unknown is a dash or a word, never 0.

export const NONE = "–";

/** Each unit ends where its last digit would be rounded up to the next one's. */
export function duration(ns: number): string {
  if (ns < 0) return `−${duration(-ns)}`; // clocks that differ
  const ms = ns / 1e6;
  if (ns < 999_500) return ns === 0 ? "0 ms" : `${Math.max(1, Math.round(ns / 1e3))} µs`;
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 9995) return `${(ms / 1e3).toFixed(2)} s`;
  if (ms < 59_950) return `${(ms / 1e3).toFixed(1)} s`;
  const seconds = Math.round(ms / 1e3);
  return seconds < 3600 ? `${Math.floor(seconds / 60)} m ${seconds % 60} s` : `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} m`;
}

/** A round duration, on an axis. */
export const briefly = (ns: number): string => duration(ns).replace(/(\.0+|(?<=\.\d)0) s$/, " s").replace(/ 0 [sm]$/, "");

export const count = (value: number): string => value.toLocaleString("en-US");

export function short(value: number): string {
  if (value < 10_000) return count(value);
  return value < 999_950 ? `${(value / 1e3).toFixed(1)}k` : `${(value / 1e6).toFixed(2)}M`;
}

export function cost(dollars: number | null): string {
  if (dollars === null) return "unknown";
  if (dollars === 0) return "$0";
  if (dollars < 0.00001) return "<$0.00001";
  if (dollars < 0.01) return `$${dollars.toFixed(5)}`;
  return dollars < 1 ? `$${dollars.toFixed(4)}` : `$${dollars.toFixed(2)}`;
}

export function percent(share: number): string {
  if (share > 0 && share < 0.0005) return "<0.1 %";
  return `${(share * 100).toFixed(share > 0 && share < 0.0995 ? 1 : 0)} %`;
}

const two = (value: number): string => String(value).padStart(2, "0");

export function clock(ms: number, fine = false): string {
  const at = new Date(ms);
  const time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  return fine ? `${time}.${String(at.getMilliseconds()).padStart(3, "0")}` : time;
}

export function day(ms: number): string {
  const at = new Date(ms);
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

/** A time of an axis, as fine as its steps of so many ms; with the day where the axis is as long. */
export function moment(ms: number, step: number, range: number): string {
  const time = step < 60e3 ? clock(ms, step < 1e3) : clock(ms).slice(0, 5);
  return range < 86_400e3 ? time : `${day(ms).slice(5)} ${time}`;
}

export const plural = (value: number, word: string): string => `${count(value)} ${word}${value === 1 ? "" : "s"}`;
