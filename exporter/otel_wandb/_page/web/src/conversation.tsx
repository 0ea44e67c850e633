// What a call was asked and answered: the system folded, what its session said before folded, calls and results as cards.
import { useState } from "preact/hooks";
import type { ComponentChildren } from "preact";
import { plural } from "./format";
import { Icon } from "./icons";
import type { Call, Json, Message, Part } from "./schema";
import { answered, hits } from "./search";
import { messages } from "./store";
import { Text, Tree, Words } from "./text";
import { useRead } from "./trace";
import { asText, words } from "./words";

const LONG_SYSTEM = 160; // characters of a system prompt that stand in the folded line

export function Conversation({ call }: { call: Call }) {
  const key = `${call.asked.join()};${call.answered.join()}`;
  const said = useRead(key, () => messages([...call.asked, ...call.answered]));
  if (!said) return null;
  const asked = said.slice(0, call.asked.length);
  const answers = said.slice(call.asked.length);
  const isSystem = (message: Message) => message.role === "system" || message.role === "developer";
  const earlier = asked.slice(0, call.earlier).filter((message) => !isSystem(message));
  const hit = call.asked.slice(0, call.earlier).some((number) => hits.value.has(number));
  return (
    <>
      <h3>Input</h3>
      {asked.length === 0 && <p class="empty">What was asked was not captured.</p>}
      {asked.map((message, at) => isSystem(message) && <Said key={at} message={message} folded />)}
      {earlier.length > 0 && <Folded key={String(hit)} open={hit} title={`${plural(earlier.length, "earlier message")} of this session`}>{earlier.map((message, at) => <Said key={at} message={message} />)}</Folded>}
      {asked.slice(call.earlier).map((message, at) => !isSystem(message) && <Said key={at} message={message} />)}
      <Tools number={call.tools} />
      {(answers.length > 0 || call.operation === "chat") && <h3>Output</h3>}
      {answers.length === 0 && call.operation === "chat" && <p class="empty">There is no answer.</p>}
      {answers.map((message, at) => <Said key={at} message={message} answer />)}
    </>
  );
}

function Folded({ title, open, children }: { title: string; open: boolean; children: ComponentChildren }) {
  const [isOpen, setOpen] = useState(open);
  return <details class="folded" open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}><summary>{title}</summary>{isOpen && children}</details>;
}

function Tools({ number }: { number: number | null }) {
  const found = useRead(number ?? -1, async () => (number === null ? undefined : (await messages([number]))[0]));
  if (!found?.tools) return null;
  return <Folded title={plural(found.tools.length, "tool")} open={false}>{found.tools.map((tool, at) => <div class="text" key={at}><Tree value={tool} name={nameOf(tool)} /></div>)}</Folded>;
}
function nameOf(tool: Json): string {
  const held = tool as { name?: string; function?: { name?: string } } | null;
  return held?.name ?? held?.function?.name ?? "tool";
}

function Said({ message, folded = false, answer = false }: { message: Message; folded?: boolean; answer?: boolean }) {
  const whole = words(message);
  const isHit = answered.value !== "" && whole.toLowerCase().includes(answered.value.toLowerCase());
  const [isOpen, setOpen] = useState(!folded || isHit || whole.length <= LONG_SYSTEM);
  const role = message.role ?? "text";
  return (
    <article class={answer ? "msg answer" : "msg"}>
      <div class="role"><Words text={role} />{message.name && <small><Words text={message.name} /></small>}</div>
      <div class="parts">
        {isOpen ? (message.parts ?? [{ type: "text", content: message.text ?? "" }]).map((part, at) => <One key={at} part={part} />) : (
          <button class="unfold" onClick={() => setOpen(true)}><Words text={whole.slice(0, LONG_SYSTEM)} />… <span>show all</span></button>
        )}
        {message.finish_reason && message.finish_reason !== "stop" && <small class="dim">finished: <Words text={message.finish_reason} /></small>}
      </div>
    </article>
  );
}

function One({ part }: { part: Part }) {
  const mark = answered.value;
  if (part.type === "tool_call") return <Card title={<><b><Words text={part.name ?? "tool"} /></b> <small><Words text={part.id ?? ""} /></small></>} value={part.arguments} />;
  if (part.type === "tool_call_response") return <Card title={<>result <small><Words text={part.id ?? ""} /></small></>} value={part.response} />;
  if (part.content !== undefined && (part.type === "text" || part.type === undefined)) return <Text text={asText(part.content)} mark={mark} />;
  return <div class="text">{part.type && part.content !== undefined && <small class="dim"><Words text={part.type} /> </small>}{typeof part.content === "string" ? <Text text={part.content} mark={mark} /> : <Tree value={part as unknown as Json} open />}</div>;
}

function Card({ title, value }: { title: ComponentChildren; value: Json | undefined }) {
  let shown = value;
  if (typeof value === "string" && /^\s*[[{]/.test(value))
    try {
      shown = JSON.parse(value) as Json;
    } catch {
      // Shown as the text that it is.
    }
  return <div class="card k-tool"><header><Icon name="tool" />{title}</header>{shown !== null && typeof shown === "object" ? <Tree value={shown} open /> : <Text text={asText(shown)} mark={answered.value} mono />}</div>;
}
