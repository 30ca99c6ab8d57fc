import { expect, test } from "vitest";
import { short } from "./marks";

test.each([
  [7, "7"],
  [9_999, "9,999"],
  [12_345, "12.3K"],
])("a badge shows %d as %s", (count, text) => {
  expect(short(count)).toBe(text);
});
