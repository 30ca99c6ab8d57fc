import { expect, test } from "vitest";
import { paged, pageNumber } from "./paging";

test("a page follows when there was one row more than a page shows", () => {
  expect(paged([1, 2, 3], 2)).toEqual({ rows: [1, 2], more: true });
  expect(paged([1, 2], 2)).toEqual({ rows: [1, 2], more: false });
  expect(["3", "0", "x", undefined].map(pageNumber)).toEqual([3, 1, 1, 1]);
});
