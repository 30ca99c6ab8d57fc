import { describe, expect, test } from "vitest";
import { type Flow, nodeOf, takenFlows } from "./path";

type Entry = Parameters<typeof takenFlows>[1][number];

/** An entry of history; moments are seconds of one minute. */
function entry(activityId: string, start: number, end: number | null, more: Partial<Entry> = {}): Entry {
  const at = (second: number): string => `2030-01-01T00:00:${String(second).padStart(2, "0")}.000+0000`;
  return {
    id: `${activityId}@${start}`,
    parentActivityInstanceId: "process",
    activityId,
    activityType: "task",
    startTime: at(start),
    endTime: end === null ? null : at(end),
    canceled: false,
    ...more,
  };
}

/** `"a-b"`: a flow from a to b. */
function flows(...ids: string[]): Flow[] {
  return ids.map((id) => {
    const [source = "", target = ""] = id.split("-");
    return { id, source, target };
  });
}

const taken = (model: readonly Flow[], history: readonly Entry[]): string[] =>
  [...takenFlows(model, history)].sort();

describe("takenFlows", () => {
  test("follows a sequence up to what is active", () => {
    const history = [entry("start", 0, 0), entry("a", 0, 3), entry("b", 3, null)];
    expect(taken(flows("start-a", "a-b", "b-end"), history)).toEqual(["a-b", "start-a"]);
  });

  test("a gateway that chooses sends a token one way, also when the other target is reached from elsewhere", () => {
    const model = flows("gate-a", "gate-b", "x-b");
    const history = [
      entry("x", 0, 5),
      entry("gate", 1, 1, { activityType: "exclusiveGateway" }),
      entry("a", 1, 2),
      entry("b", 5, null),
    ];
    expect(taken(model, history)).toEqual(["gate-a", "x-b"]);
  });

  test("a fork sends tokens all ways at the same moment, and each arrival at the join has its own flow", () => {
    const model = flows("fork-a", "fork-b", "a-join", "b-join", "join-c");
    const history = [
      entry("fork", 0, 0),
      entry("a", 0, 4),
      entry("b", 0, 4),
      entry("join", 4, 4, { id: "first" }),
      entry("join", 4, 4, { id: "second" }),
      entry("c", 4, null),
    ];
    expect(taken(model, history)).toEqual(["a-join", "b-join", "fork-a", "fork-b", "join-c"]);
  });

  test("only the branch that has arrived is taken while the join waits", () => {
    const history = [entry("a", 0, 2), entry("b", 0, null), entry("join", 2, null)];
    expect(taken(flows("a-join", "b-join"), history)).toEqual(["a-join"]);
  });

  test("what was canceled was not left along its flow", () => {
    const model = flows("a-b", "boundary-c");
    const history = [entry("a", 0, 2, { canceled: true }), entry("boundary", 2, 2), entry("c", 2, null)];
    expect(taken(model, history)).toEqual(["boundary-c"]);
  });

  test("a loop is taken when it was gone through a second time", () => {
    const model = flows("start-a", "a-gate", "gate-a", "gate-end");
    const gate = { activityType: "exclusiveGateway" };
    const once = [entry("start", 0, 0), entry("a", 0, 1), entry("gate", 1, 1, gate), entry("end", 1, 1)];
    expect(taken(model, once)).toEqual(["a-gate", "gate-end", "start-a"]);
    const twice = [
      entry("start", 0, 0),
      entry("a", 0, 1),
      entry("gate", 1, 1, gate),
      entry("a", 1, 2),
      entry("gate", 2, 2, gate),
    ];
    expect(taken(model, twice)).toEqual(["a-gate", "gate-a", "start-a"]);
  });

  test("a token that waited before an asynchronous activity has gone its flow once that begins", () => {
    expect(taken(flows("a-b"), [entry("a", 0, 1), entry("b", 30, null)])).toEqual(["a-b"]);
  });

  test("scopes do not mix: another run of the same subprocess explains nothing", () => {
    const first = { parentActivityInstanceId: "run 1" };
    const second = { parentActivityInstanceId: "run 2" };
    const history = [entry("a", 0, 1, first), entry("b", 5, null, second)];
    expect(taken(flows("a-b"), history)).toEqual([]);
  });

  test("flows lead to and from the body of a multi-instance activity", () => {
    const inner = { parentActivityInstanceId: "body" };
    const history = [
      entry("start", 0, 0),
      entry("m#multiInstanceBody", 0, 3, { id: "body" }),
      entry("m", 0, 2, inner),
      entry("m", 0, 3, inner),
      entry("end", 3, 3),
    ];
    expect(taken(flows("start-m", "m-end"), history)).toEqual(["m-end", "start-m"]);
  });
});

test("nodeOf names the activity of a multi-instance body", () => {
  expect(nodeOf("check#multiInstanceBody")).toBe("check");
  expect(nodeOf("check")).toBe("check");
});
