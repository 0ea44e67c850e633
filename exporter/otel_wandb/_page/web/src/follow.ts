// A followed run: deliveries of the page's own server. New traces wait until they are asked for, unless the newest are
// followed; a trace that has grown does so where it is.
import { batch, signal } from "@preact/signals";
import type { Delta } from "./schema";
import { chosen, newest, openRow, ordered, shown, span } from "./state";
import { searchMore } from "./search";
import { deliver, index, version } from "./store";

export const state = signal<"none" | "live" | "lost" | "over">("none");
let source: EventSource | undefined;

export function startFollowing(): void {
  shown.value = index.traces.id.length;
  if (index.follow === null) return;
  state.value = "live";
  source = new EventSource(`events?after=${index.follow}`);
  source.onopen = () => (state.value = "live");
  source.onerror = () => (state.value = "lost"); // the browser comes back by itself, with the last id
  source.addEventListener("more", (event: MessageEvent<string>) => {
    const delta = JSON.parse(event.data) as Delta;
    if (delta.rows.includes(openRow.value)) span.value = chosen.value; // another may say most now
    deliver(delta);
    if (delta.texts.length > 0) searchMore(JSON.stringify(delta.texts), delta.texts_before);
    if (newest.value || shown.value === 0) showAll();
  });
}

export function showAll(): void {
  batch(() => {
    shown.value = index.traces.id.length;
    ordered.value = version.value;
  });
}
