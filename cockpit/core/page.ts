/** What a page is: one folder in `pages`, one row in its table. */
import type { ComponentType } from "preact";
import { useEffect } from "preact/hooks";

export interface PageProps {
  /** What follows the page's own segment, decoded; empty when nothing does. */
  id: string;
  query: Readonly<Record<string, string>>;
}

export interface Page {
  /** The first segment of its address. */
  segment: string;
  /** Its word in the navigation; a page without one is reached from others. */
  nav?: string;
  Component: ComponentType<PageProps>;
}

/** Names the browser's tab after what the page shows. */
export function useTitle(text: string | undefined): void {
  useEffect(() => {
    document.title = text ? `${text} · Penstock` : "Penstock";
  }, [text]);
}
