import { expect, test } from "vitest";
import { address, path, refusal } from "./rest";

test("a refusal carries the parser's findings, and survives a body that is no JSON", () => {
  const body = {
    type: "ParseException",
    message: "m",
    details: { "a.bpmn": { errors: [{ message: "e", line: 3, column: 4 }], warnings: [] } },
  };
  expect(refusal(400, JSON.stringify(body)).findings).toEqual([{ message: "e", line: 3, column: 4 }]);
  expect(refusal(502, "<html>Bad gateway</html>").message).toContain("Bad gateway");
  expect(refusal(500, "").message).toContain("500");
});

test("what goes into an address is encoded, and what is undefined left out", () => {
  expect(address(path`/task/${"a/b ?"}/claim`, { q: "x & y", none: undefined })).toBe(
    "engine-rest/task/a%2Fb%20%3F/claim?q=x+%26+y",
  );
});
