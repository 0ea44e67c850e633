// Rows as CSV, as RFC 4180 has it, that a spreadsheet takes for text and numbers and nothing else.

/** A trace; times in ms. */
export interface Row {
  id: string; name: string; model: string; started: number; duration: number; error: string; calls: number; input: number | null; output: number | null;
  total: number | null; estimated: boolean; cost: number | null; session: string; user: string;
}

const COLUMNS: [string, (row: Row) => string | number | null][] = [
  ["trace_id", ({ id }) => id], ["name", ({ name }) => name], ["model", ({ model }) => model], ["started", ({ started }) => new Date(started).toISOString()],
  ["duration_ms", ({ duration }) => duration], ["error", ({ error }) => error], ["calls", ({ calls }) => calls], ["input_tokens", ({ input }) => input],
  ["output_tokens", ({ output }) => output], ["total_tokens", ({ total }) => total], ["estimated", ({ estimated }) => String(estimated)],
  ["cost_usd", ({ cost }) => cost], ["session", ({ session }) => session], ["user", ({ user }) => user],
];

export function csv(rows: readonly Row[]): string {
  const lines = rows.map((row) => COLUMNS.map(([, read]) => cell(read(row))).join(","));
  return [COLUMNS.map(([name]) => name).join(","), ...lines, ""].join("\r\n");
}

/** A text that a spreadsheet would take for a formula is kept one. */
function cell(value: string | number | null): string {
  const made = value === null ? "" : typeof value === "string" && /^[=+\-@\t\r\n]/.test(value) ? `'${value}` : String(value);
  return /[",\r\n]/.test(made) ? `"${made.replaceAll('"', '""')}"` : made;
}
