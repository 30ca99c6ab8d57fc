/** Addresses after `#`: which page, of what, with which filters. */

export interface Place {
  /** Decoded segments: `#/process-instance/x` is `["process-instance", "x"]`. */
  segments: readonly string[];
  query: Readonly<Record<string, string>>;
}

/** The place of a fragment, with or without its `#`. */
export function parsePlace(fragment: string): Place {
  const [before = "", after = ""] = split(fragment.replace(/^#/, ""), "?");
  const segments = before.split("/").filter(Boolean).map(decoded);
  return { segments, query: Object.fromEntries(new URLSearchParams(after)) };
}

/** The fragment of a place; empty parameters are left out. */
export function href(
  segments: readonly string[],
  query: Record<string, string | number | undefined> = {},
): string {
  const pairs = Object.entries(query).filter(([, value]) => value !== undefined && value !== "");
  const text = new URLSearchParams(pairs.map(([name, value]) => [name, String(value)])).toString();
  return `#/${segments.map(encodeURIComponent).join("/")}${text ? `?${text}` : ""}`;
}

function split(text: string, at: string): [string, string] {
  const index = text.indexOf(at);
  return index < 0 ? [text, ""] : [text.slice(0, index), text.slice(index + 1)];
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
