// A list of rows of one height, of which only those in sight are in the page.
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { ComponentChildren } from "preact";

interface Props {
  count: number; height: number; label: string; selected: number; class?: string;
  row(at: number): ComponentChildren;
  onSelect(at: number): void;
  id(at: number): string;
}

const AROUND = 12; // rows above and below those in sight

export function List({ count, height, label, selected, row, onSelect, id, class: extra = "" }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [tall, setTall] = useState(800);

  useLayoutEffect(() => {
    const element = box.current!;
    const watch = new ResizeObserver(() => setTall(element.clientHeight));
    watch.observe(element);
    return () => watch.disconnect();
  }, []);
  // What is looked at stays where it is when all rows get another height.
  const before = useRef(height);
  useLayoutEffect(() => {
    const element = box.current!;
    const anchor = selected >= 0 ? selected : Math.floor(element.scrollTop / before.current);
    element.scrollTop += anchor * (height - before.current);
    before.current = height;
  }, [height]);
  useLayoutEffect(() => {
    if (selected >= 0) reveal(box.current!, selected, height);
  }, [selected >= 0 && id(selected)]);

  const first = Math.max(0, Math.floor(top / height) - AROUND);
  const last = Math.min(count, Math.ceil((top + tall) / height) + AROUND);
  const places = Math.ceil(tall / height) + 2 * AROUND + 1; // as many as can be in the page: a place gets another row, not a new element
  const rows = [];
  for (let at = first; at < last; at++)
    rows.push(
      <div key={at % places} id={`row-${id(at)}`} class="row" role="option" aria-selected={at === selected} aria-setsize={count} aria-posinset={at + 1} style={{ transform: `translateY(${at * height}px)`, height: `${height}px` }} onClick={() => onSelect(at)}>
        {row(at)}
      </div>,
    );
  const active = selected >= first && selected < last ? `row-${id(selected)}` : undefined;
  const onKeyDown = (event: KeyboardEvent) => {
    const page = Math.max(1, Math.floor(tall / height) - 1);
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -count, End: count }[event.key];
    if (step === undefined || count === 0) return;
    event.preventDefault();
    onSelect(Math.max(0, Math.min(count - 1, (selected < 0 ? (step > 0 ? -1 : 0) : selected) + step)));
  };
  return (
    <div ref={box} class={`vp ${extra}`} tabIndex={0} role="listbox" aria-label={label} aria-activedescendant={active} onScroll={(event) => setTop(event.currentTarget.scrollTop)} onKeyDown={onKeyDown}>
      <div class="pad" role="presentation" style={{ height: `${count * height}px` }}>{rows}</div>
    </div>
  );
}

/** A neighbour comes in at the edge, what is far away in the middle. */
function reveal(box: HTMLElement, at: number, height: number): void {
  const [above, below] = [box.scrollTop - at * height, (at + 1) * height - box.scrollTop - box.clientHeight];
  if (Math.max(above, below) > 2 * height) box.scrollTop = (at + 0.5) * height - box.clientHeight / 2;
  else if (above > 0) box.scrollTop -= above;
  else if (below > 0) box.scrollTop += below;
}
