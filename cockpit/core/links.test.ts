import { expect, test } from "vitest";
import { translated } from "./links";
import { href, parsePlace } from "./place";

test("a fragment and its place are the same thing said twice", () => {
  const fragment = href(["process-definition", "order:1:a/b"], { key: "50 % & more", page: 2, empty: "" });
  expect(parsePlace(fragment)).toEqual({
    segments: ["process-definition", "order:1:a/b"],
    query: { key: "50 % & more", page: "2" },
  });
});

test("a fragment that cannot be decoded is taken as it is", () => {
  expect(parsePlace("#/tasks/%E0%A4%A").segments).toEqual(["tasks", "%E0%A4%A"]);
});

test.each([
  ['#/repository?deploymentsQuery=[{"type":"id","operator":"eq","value":"d-1"}]', "#/deployments?id=d-1"],
  ["#/repository?deploymentsQuery=nonsense", "#/deployments"],
  ["#/repository", "#/deployments"],
  ["#/?task=t-1", "#/tasks?task=t-1"],
  ["#/dashboard", "#/processes"],
])("%s leads to %s", (foreign, ours) => {
  expect(translated(parsePlace(foreign))).toBe(ours);
});

test.each(["#/", "#/process-instance/x", "#/process-definition/y/runtime", "#/tasks"])(
  "%s is ours",
  (fragment) => {
    expect(translated(parsePlace(fragment))).toBeUndefined();
  },
);
