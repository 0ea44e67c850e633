// The view Sessions: a session as one transcript, of each turn only what is new.
import { computed } from "@preact/signals";
import { clock, cost, count, day, duration, plural } from "./format";
import { known } from "./figures";
import { Icon } from "./icons";
import { List } from "./list";
import { costOf } from "./saving";
import type { Message } from "./schema";
import { answered } from "./search";
import { filtered, mainModel, session, show } from "./state";
import { firstSpan, growth, index, messages, text } from "./store";
import { Text, Words } from "./text";
import { tokens } from "./traces";
import { useRead } from "./trace";
import { asText } from "./words";

const SHOWN = 200; // turns of one transcript

const sessions = computed(() => {
  const made = new Map<string, number[]>();
  for (const row of filtered.value) {
    const number = index.traces.session[row]!;
    if (number < 0) continue;
    const list = made.get(text(number));
    if (list) list.push(row);
    else made.set(text(number), [row]);
  }
  return [...made].sort((a, b) => b[1].length - a[1].length);
});

export function SessionsView() {
  const all = sessions.value;
  if (all.length === 0) return <main class="page"><p class="empty">No trace has a session. Calls get one from <code>autolog</code>'s <code>session</code>, or from the attribute <code>session.id</code>.</p></main>;
  const at = Math.max(0, all.findIndex(([name]) => name === session.value));
  const [name, rows] = all[at]!;
  const { start, input, output, estimated, cost: dollars, unknown, error, user } = index.traces;
  const ordered = [...rows].sort((a, b) => start[a]! - start[b]!);
  const asked = known(rows.map((row) => input[row]!)).sum;
  const said = known(rows.map((row) => output[row]!)).sum;
  const who = user[rows[0]!]!;
  return (
    <div class="body two">
      <nav class="side" aria-label="Sessions">
        <List count={all.length} height={52} label="Sessions" selected={at} id={(one) => all[one]![0]} onSelect={(one) => (session.value = all[one]![0])}
          row={(one) => <span class="two-lines"><span><b><Words text={all[one]![0]} /></b><em>{plural(all[one]![1].length, "turn")}</em></span><small><Words text={text(index.traces.preview[all[one]![1][0]!]!)} /></small></span>} />
      </nav>
      <main class="page" key={name} tabIndex={0} aria-label="Transcript">
        <header class="sh">
          <h2><Words text={name} /></h2>
          <dl class="stats">
            {who >= 0 && <div><dt>User</dt><dd><Words text={text(who)} /></dd></div>}
            <div><dt>Turns</dt><dd>{count(rows.length)}</dd></div>
            <div><dt>Tokens</dt><dd>{tokens(asked, said, rows.some((row) => estimated[row]!))}</dd></div>
            <div><dt>Cost</dt><dd>{costOf(known(rows.map((row) => dollars[row]!)).sum, rows.reduce((sum, row) => sum + unknown[row]!, 0))}</dd></div>
            <div><dt>Errors</dt><dd>{count(rows.filter((row) => error[row]! >= 0).length)}</dd></div>
          </dl>
        </header>
        {ordered.slice(0, SHOWN).map((row) => <Turn key={row} row={row} />)}
        {ordered.length > SHOWN && <p class="empty">{ordered.length - SHOWN} more turns; Traces lists them all.</p>}
      </main>
    </div>
  );
}

function Turn({ row }: { row: number }) {
  void growth.value;
  const { start, duration: took, input, output, estimated, cost: dollars, error, calls } = index.traces;
  const numbers: number[] = [];
  for (let at = firstSpan[row]!, end = at + index.traces.spans[row]!; at < end; at++)
    if (index.spans.call[at] && index.spans.kind[at] !== 2) for (const one of index.spans.fresh[at]!) if (!numbers.includes(one)) numbers.push(one);
  const said = useRead(numbers.join() || "none", () => messages(numbers));
  return (
    <article class="turn">
      <div class="when">
        <button class="lk" title={day(index.base + start[row]! / 1e6)} onClick={() => show(row)}>{clock(index.base + start[row]! / 1e6)}</button>
        <b>{duration(took[row]!)}</b>
        {calls[row]! > 0 && <span>{tokens(input[row]!, output[row]!, estimated[row]!)}</span>}
        {calls[row]! > 0 && <span>{cost(dollars[row]!)}</span>}
        <span>{mainModel(row)}</span>
      </div>
      <div class="says">
        {said?.map((message, at) => <Bubble key={at} message={message} />)}
        {error[row]! >= 0 && <p class="failed"><Icon name="warn" /><Words text={text(error[row]!)} /></p>}
      </div>
    </article>
  );
}

function Bubble({ message }: { message: Message }) {
  if (message.role === "system" || message.role === "developer") return null;
  return (
    <>
      {(message.parts ?? [{ type: "text", content: message.text ?? "" }]).map((part, at) =>
        part.type === "tool_call" ? <p key={at} class="does"><Icon name="tool" /><Words text={`${part.name ?? "tool"}(${asText(part.arguments).slice(0, 300)})`} /></p>
        : part.type === "tool_call_response" ? <p key={at} class="does result"><Words text={asText(part.response).slice(0, 300)} /></p>
        : <div key={at} class={message.role === "assistant" ? "bubble answer" : "bubble"}><span class="vh">{message.role}</span><Text text={asText(part.content)} mark={answered.value} /></div>,
      )}
    </>
  );
}
