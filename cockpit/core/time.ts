/** Moments and durations for people. */
import { signal } from "@preact/signals";

/** The clock of what is shown as `3 min ago`; it moves every few seconds. */
export const now = signal(Date.now());
const TICK_MS = 5_000;
setInterval(() => {
  if (document.visibilityState === "visible") now.value = Date.now();
}, TICK_MS);

const UNITS: readonly (readonly [string, number])[] = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["min", 60_000],
  ["s", 1_000],
];

/** `just now`, `3 min ago`, `in 2 h`, `5 d ago`. */
export function relative(atMs: number, nowMs: number): string {
  const distance = Math.abs(nowMs - atMs);
  for (const [unit, size] of UNITS) {
    if (distance >= size) {
      const text = `${Math.floor(distance / size)} ${unit}`;
      if (unit === "s" && distance < 5_000) return "just now";
      return atMs > nowMs ? `in ${text}` : `${text} ago`;
    }
  }
  return "just now";
}

/** `0 ms`, `850 ms`, `12.3 s`, `4 min 5 s`, `2 h 10 min`, `3 d 4 h`: two units at most. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${ms} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  const first = UNITS.findIndex(([, size]) => ms >= size);
  const [unit, size] = UNITS[first] ?? ["s", 1_000];
  const [lesser, part] = UNITS[first + 1] ?? [unit, size];
  const rest = Math.floor((ms % size) / part);
  return `${Math.floor(ms / size)} ${unit}${rest ? ` ${rest} ${lesser}` : ""}`;
}

/** The whole moment in the reader's own form. */
export function absolute(atMs: number): string {
  return new Date(atMs).toLocaleString(undefined, { dateStyle: "full", timeStyle: "long" });
}
