/** Where the reader is. The whole state of a page is in its address, so that it can be sent to somebody. */
import { signal } from "@preact/signals";
import { href, parsePlace } from "./place";

export { href };

export const place = signal(parsePlace(location.hash));
addEventListener("hashchange", () => {
  place.value = parsePlace(location.hash);
});

export function go(to: string): void {
  location.hash = to;
}

/** Changes filters of the current page; a filter is no step to go back to. */
export function change(query: Record<string, string | number | undefined>): void {
  const { segments, query: before } = place.value;
  history.replaceState(null, "", href(segments, { ...before, ...query }));
  place.value = parsePlace(location.hash);
}
