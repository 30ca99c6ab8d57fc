import { afterEach, expect, test, vi } from "vitest";
import { getVariableMap, getVariables } from "./variables";

const JAVA = {
  objectTypeName: "java.util.ArrayList",
  serializationDataFormat: "application/x-java-serialized-object",
};
const made = (value: unknown) => ({ id: "1", type: "Object", value, valueInfo: JAVA });
const json = { id: "2", type: "Json", value: "[2]", valueInfo: {} };

/** Answers as the server does, and says how often it was asked. */
function serving(answer: (deserialized: boolean) => unknown) {
  const fetched = vi.fn(
    async (where: string) =>
      new Response(JSON.stringify(answer(String(where).includes("deserializeValues=true")))),
  );
  vi.stubGlobal("fetch", fetched);
  return fetched;
}

afterEach(() => vi.unstubAllGlobals());

test("collections that the engine made are shown as JSON, all else as it is kept", async () => {
  serving((deserialized) => (deserialized ? [{ ...json, value: {} }, made([1])] : [made("rO0AB"), json]));
  const [list, other] = await getVariables("/variable-instance", {});
  expect(list?.value).toBe("[1]");
  expect(list?.valueInfo?.serializationDataFormat).toBe("application/json");
  expect(other).toEqual(json);
});

test("nothing is asked twice without need", async () => {
  const fetched = serving(() => ({ a: json }));
  expect(await getVariableMap("/task/1/form-variables")).toEqual({ a: json });
  expect(fetched).toHaveBeenCalledTimes(1);
});

test("a variable that has gone meanwhile stays as it was sent", async () => {
  serving((deserialized) => (deserialized ? {} : { a: made("rO0AB") }));
  expect(await getVariableMap("/task/1/form-variables")).toEqual({ a: made("rO0AB") });
});
