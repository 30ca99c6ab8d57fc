import { expect, test } from "vitest";
import { duration, relative } from "./time";

const MINUTE = 60_000;

test.each([
  [0, "just now"],
  [3_000, "just now"],
  [42_000, "42 s ago"],
  [90 * MINUTE, "1 h ago"],
  [-5 * MINUTE, "in 5 min"],
  [3 * 24 * 60 * MINUTE, "3 d ago"],
])("%d ms before now is %s", (before, text) => {
  expect(relative(1_000_000_000_000 - before, 1_000_000_000_000)).toBe(text);
});

test.each([
  [0, "0 ms"],
  [850, "850 ms"],
  [12_340, "12.3 s"],
  [245_000, "4 min 5 s"],
  [2 * 60 * MINUTE, "2 h"],
  [(3 * 24 + 4) * 60 * MINUTE, "3 d 4 h"],
])("%d ms are %s", (ms, text) => {
  expect(duration(ms)).toBe(text);
});
