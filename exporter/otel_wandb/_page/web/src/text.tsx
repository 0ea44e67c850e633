// Texts as they are: nothing is interpreted, and what would be invisible is shown.
import { useState } from "preact/hooks";
import type { ComponentChildren } from "preact";
import { hidden } from "./python";
import type { Json } from "./schema";

const AT_ONCE = 20_000; // characters; more would make the browser lay out for seconds
const anyHidden = new RegExp(hidden.source, "gu");
const NAMES: Record<number, string> = { 0: "NUL", 7: "BEL", 8: "BS", 13: "CR", 27: "ESC", 127: "DEL" };

function visible(text: string, key: string): ComponentChildren[] {
  const made: ComponentChildren[] = [];
  let from = 0;
  for (const match of text.matchAll(anyHidden)) {
    const char = match[0];
    if (char === "\n" || char === "\t" || (char === "\u200d" && match.index > 0)) continue; // the joiner makes emoji
    if (match.index > from) made.push(text.slice(from, match.index));
    const code = char.codePointAt(0)!;
    const name = NAMES[code] ?? `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
    made.push(<span class="ctl" key={`${key}-${match.index}`} title={`a character that does not show: ${name}`}>{name}</span>);
    from = match.index + char.length;
  }
  if (from < text.length) made.push(text.slice(from));
  return made;
}

export function Words({ text, mark }: { text: string; mark?: string | undefined }) {
  if (!mark) return <>{visible(text, "t")}</>;
  const pattern = new RegExp(mark.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), "giu");
  const made: ComponentChildren[] = [];
  let from = 0;
  for (const match of text.matchAll(pattern)) {
    if (!match[0]) break;
    made.push(...visible(text.slice(from, match.index), `a${from}`), <mark key={`m${match.index}`}>{visible(match[0], `h${match.index}`)}</mark>);
    from = match.index + match[0].length;
  }
  made.push(...visible(text.slice(from), `a${from}`));
  return <>{made}</>;
}

/** A long text begins with its first part; the rest is a click away. */
export function Text({ text, mark, mono }: { text: string; mark?: string | undefined; mono?: boolean }) {
  const [all, setAll] = useState(false);
  const cut = !all && text.length > AT_ONCE;
  return (
    <div class={mono ? "text mono" : "text"} dir="auto">
      <Words text={cut ? text.slice(0, AT_ONCE) : text} mark={mark} />
      {cut && <button class="btn more" onClick={() => setAll(true)}>Show all {text.length.toLocaleString("en-US")} characters</button>}
    </div>
  );
}

const ITEMS = 100;

/** JSON as a tree whose branches are made when they are opened. */
export function Tree({ value, name, open = false }: { value: Json; name?: string; open?: boolean }) {
  const [isOpen, setOpen] = useState(open);
  const [limit, setLimit] = useState(ITEMS);
  const label = name === undefined ? null : <span class="jk"><Words text={name} />: </span>;
  if (value === null || typeof value !== "object")
    return <div class="jl">{label}<span class={`j-${value === null ? "null" : typeof value}`}><Words text={JSON.stringify(value)} /></span></div>;
  const items: [string, Json][] = Array.isArray(value) ? value.map((item, at) => [String(at), item]) : Object.entries(value);
  const size = Array.isArray(value) ? `[${items.length}]` : `{${items.length}}`;
  if (items.length === 0) return <div class="jl">{label}<span class="j-null">{Array.isArray(value) ? "[]" : "{}"}</span></div>;
  return (
    <details class="jt" open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{label}<span class="j-null">{size}</span></summary>
      {isOpen && items.slice(0, limit).map(([key, item]) => <Tree key={key} name={key} value={item} />)}
      {isOpen && items.length > limit && <button class="btn more" onClick={() => setLimit(limit + 10 * ITEMS)}>{items.length - limit} more</button>}
    </details>
  );
}
