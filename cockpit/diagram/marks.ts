/** What is drawn on a diagram: a class per element, and badges beside it. */

export type Tone = "running" | "incident" | "done";

export interface Badge {
  element: string;
  tone: Tone;
  text: string;
  /** What the number means, for a pointer and for a screen reader. */
  title: string;
}

/** Element id → its class, one of those in `diagram.css`. */
export type Marks = ReadonlyMap<string, "done" | "active" | "failed" | "canceled" | "taken">;

const COMPACT = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

/** `7`, `9,999`, `12.3K`: what fits on a badge. */
export function short(count: number): string {
  return count < 10_000 ? count.toLocaleString("en") : COMPACT.format(count);
}
