import { expect, test } from "vitest";
import { summed } from "./data";

test("a multi-instance activity and its body are one place", () => {
  const count = { incidents: [], failedJobs: 0 };
  const found = summed([
    { id: "check", instances: 3, ...count },
    { id: "check#multiInstanceBody", instances: 1, ...count },
  ]);
  expect(found).toEqual([{ id: "check", instances: 4, incidents: 0 }]);
});
