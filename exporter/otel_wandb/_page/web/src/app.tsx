// The page: its head, its views, its keys.
import { render } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { signal } from "@preact/signals";
import { ArchitectureView } from "./architecture";
import { CompareView } from "./compare";
import { showAll, startFollowing, state } from "./follow";
import { plural } from "./format";
import { Icon } from "./icons";
import { answered, found, query, searching, startSearching } from "./search";
import { SessionsView } from "./sessions";
import { VIEWS, newest, open, openRow, said, show, shown, sorted, startAddress, theme, view } from "./state";
import { index, load, version } from "./store";
import { Words } from "./text";
import { TracesView } from "./traces";

const TITLES = { traces: "Traces", sessions: "Sessions", compare: "Compare", architecture: "Architecture" };
const helping = signal(false);

const KEYS: [string, string][] = [
  ["/", "search"], ["j  k", "next and previous trace"], ["Enter", "open the first trace"], ["Esc", "close the trace, or clear the search"],
  ["1 2 3 4", "Traces, Sessions, Compare, Architecture"], ["t", "light or dark"], ["n", "show new traces"], ["?", "these keys"],
];

function Run() {
  void version.value;
  const { runs } = index;
  const [first] = runs;
  const ended = runs.length > 0 && runs.every((run) => run.ended);
  const status = state.value === "live" ? (ended ? "finished" : "live") : state.value === "lost" ? "not connected" : ended ? "finished" : "cut off";
  return (
    <div class="brand">
      <svg width="20" height="20" viewBox="0 0 20 20" aria-hidden="true"><rect class="k-llm" x="1" y="3" width="11" height="4" rx="1" /><rect class="k-tool" x="4" y="8" width="7" height="4" rx="1" /><rect class="k-agent" x="7" y="13" width="12" height="4" rx="1" /></svg>
      <h1><Words text={runs.length > 1 ? plural(runs.length, "run") : (first?.name ?? "no run")} /></h1>
      {first?.project && <i class="opt"><Words text={first.project} /></i>}
      <span class={`pill ${status}`} title={status === "cut off" ? "The journal has no end: the program was killed, or still ran." : undefined}><span class="dot" />{status}</span>
    </div>
  );
}

function Search() {
  const box = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key === "/" && !typing(event)) {
        event.preventDefault();
        box.current?.focus();
      }
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
  return (
    <div class="search" role="search">
      <Icon name="search" />
      <input ref={box} type="search" aria-label="Search prompts and answers" placeholder="Search prompts and answers" value={query.value} onInput={(event) => (query.value = event.currentTarget.value)} data-answered={answered.value} aria-busy={searching.value} />
      {query.value ? <small>{searching.value ? "…" : (found.value?.size ?? "")}</small> : <kbd>/</kbd>}
    </div>
  );
}

function New() {
  const more = (void version.value, index.traces.id.length - shown.value);
  if (state.value === "none") return null;
  return (
    <div class="live" role="status">
      {more > 0 && <button class="btn" onClick={showAll}>{plural(more, "new trace")}</button>}
      <label><input type="checkbox" checked={newest.value} onChange={(event) => { newest.value = event.currentTarget.checked; if (newest.value) showAll(); }} /> follow the newest</label>
    </div>
  );
}

function Help() {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  const { runs } = index;
  return (
    <dialog ref={dialog} class="help" aria-label="Keys and journal" onClose={() => (helping.value = false)} onClick={(event) => event.target === dialog.current && dialog.current?.close()}>
      <h2>Keys</h2>
      <dl>{KEYS.map(([key, what]) => <div key={key}><dt><kbd>{key}</kbd></dt><dd>{what}</dd></div>)}</dl>
      <h2>Journal</h2>
      {runs.map((run, at) => <p key={at}><Words text={run.name} />: {run.ended ? "whole" : "without an end"}; prices of {run.prices ?? "nobody"}.{run.counters && ` ${Object.entries(run.counters).map(([name, value]) => `${name} ${value}`).join(", ")}`}</p>)}
      <form method="dialog"><button class="btn">Close</button></form>
    </dialog>
  );
}

function App() {
  const View = { traces: TracesView, sessions: SessionsView, compare: CompareView, architecture: ArchitectureView }[view.value];
  return (
    <div class="app">
      <header class="top">
        <Run />
        <nav class="nav" aria-label="Views">{VIEWS.map((name) => <button key={name} aria-current={view.value === name ? "page" : undefined} onClick={() => (view.value = name)}>{TITLES[name]}</button>)}</nav>
        <span class="grow" />
        <New />
        <Search />
        <button class="icon" aria-label="Keys and journal" onClick={() => (helping.value = true)}><Icon name="help" /></button>
        <button class="icon" aria-label={theme.value === "dark" ? "Light" : "Dark"} onClick={turn}><Icon name="moon" /></button>
      </header>
      <View />
      {helping.value && <Help />}
      <div class="said" role="status">{said.value}</div>
    </div>
  );
}
const turn = (): void => void (theme.value = theme.value === "dark" ? "light" : "dark");

const typing = (event: KeyboardEvent): boolean => (event.target as Element).matches?.("input:not([type=checkbox]),textarea,select") || event.ctrlKey || event.metaKey || event.altKey;

function onKey(event: KeyboardEvent): void {
  if (helping.value) return;
  if (event.key === "Escape") {
    if (typing(event)) (event.target as HTMLElement).blur();
    else if (open.value) show(-1);
    else query.value = "";
    return;
  }
  if (typing(event)) return;
  const step = (by: number) => {
    const rows = sorted.value;
    const at = rows.indexOf(openRow.value);
    const next = rows[at < 0 ? 0 : Math.max(0, Math.min(rows.length - 1, at + by))];
    if (next !== undefined) show(next);
  };
  const numbered = VIEWS[Number(event.key) - 1];
  if (numbered) view.value = numbered;
  else if (event.key === "j") step(1);
  else if (event.key === "k") step(-1);
  else if (event.key === "Enter" && view.value === "traces" && !open.value && !(event.target as Element).closest("button,summary,a")) step(0);
  else if (event.key === "t") turn();
  else if (event.key === "n") showAll();
  else if (event.key === "?") helping.value = true;
}

async function start(): Promise<void> {
  await load();
  startFollowing();
  startAddress();
  startSearching();
  addEventListener("keydown", onKey);
  render(<App />, document.getElementById("app")!);
  requestAnimationFrame(() => requestAnimationFrame(() => (document.documentElement.dataset["painted"] = String(Math.round(performance.now())))));
}
void start();
