// A followed run: deliveries of the page's own server. They wait until they are asked for, unless the newest are followed.
import { signal } from "@preact/signals";
import type { Delta } from "./schema";
import { newest, shown } from "./state";
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
    const delta = JSON.parse(event.data) as Delta & { texts_before: number };
    deliver(delta, delta.texts_before);
    if (delta.texts.length > 0) searchMore(JSON.stringify(delta.texts), delta.texts_before);
    if (newest.value || shown.value === 0) showAll();
    void version.value;
  });
}

export function showAll(): void {
  shown.value = index.traces.id.length;
}
