import { expect, test } from "vitest";
import type { ActivityNode } from "../../core/model";
import { tokens } from "./data";

function node(activityId: string, children: ActivityNode[] = [], waiting: string[] = []): ActivityNode {
  return {
    activityId,
    childActivityInstances: children,
    childTransitionInstances: waiting.map((id) => ({ id, activityId: id, incidentIds: [] })),
  } as unknown as ActivityNode;
}

test("tokens are in the leaves of the tree, and before activities that have not begun", () => {
  const tree = node("process", [node("sub", [node("a"), node("a")]), node("b")], ["later"]);
  expect([...tokens(tree)]).toEqual([
    ["later", 1],
    ["a", 2],
    ["b", 1],
  ]);
  expect(tokens(undefined).size).toBe(0);
});
