import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { EVERY_MS, Poller, pause } from "./live";
import { RestError } from "./rest";

const page = Object.assign(new EventTarget(), { visibilityState: "visible" });

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  vi.stubGlobal("document", page);
  page.visibilityState = "visible";
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("an answer that took long is asked for less often", () => {
  expect(pause(10)).toBe(EVERY_MS);
  expect(pause(900)).toBe(9_000);
});

test("it tells of differences only, and stops when it is told to", async () => {
  const answers = ["a", "a", "b", "c"];
  const told: (string | undefined)[] = [];
  const poller = new Poller(
    async () => answers.shift() ?? "none",
    (data) => told.push(data),
  );
  poller.start();
  await vi.advanceTimersByTimeAsync(2 * EVERY_MS);
  expect(told).toEqual(["a", "b"]);
  poller.stop();
  await vi.advanceTimersByTimeAsync(5 * EVERY_MS);
  expect(told).toEqual(["a", "b"]);
});

test("nothing is asked while nobody looks, and at once when somebody looks again", async () => {
  const load = vi.fn(async () => "x");
  const poller = new Poller(load, () => undefined);
  poller.start();
  await vi.advanceTimersByTimeAsync(0);
  page.visibilityState = "hidden";
  await vi.advanceTimersByTimeAsync(10 * EVERY_MS);
  expect(load).toHaveBeenCalledTimes(1);
  page.visibilityState = "visible";
  page.dispatchEvent(new Event("visibilitychange"));
  await vi.advanceTimersByTimeAsync(0);
  expect(load).toHaveBeenCalledTimes(2);
  poller.stop();
});

test("an error is told, and the next answer takes it back even if it is the one from before", async () => {
  const load = vi
    .fn<() => Promise<string>>()
    .mockResolvedValueOnce("a")
    .mockRejectedValueOnce(new RestError(0, "NoAnswer", "gone"))
    .mockResolvedValueOnce("a");
  const told: unknown[] = [];
  const poller = new Poller(load, (data, error) => told.push(error?.message ?? data));
  poller.start();
  await vi.advanceTimersByTimeAsync(2 * EVERY_MS);
  expect(told).toEqual(["a", "gone", "a"]);
  poller.stop();
});

test("what is not there is not asked for again", async () => {
  const load = vi.fn<() => Promise<string>>().mockRejectedValue(new RestError(404, "X", "gone"));
  const poller = new Poller(load, () => undefined);
  poller.start();
  await vi.advanceTimersByTimeAsync(10 * EVERY_MS);
  expect(load).toHaveBeenCalledTimes(1);
  poller.stop();
});

test("a refresh waits for an answer that may be older than the change, then asks again", async () => {
  let finish: (value: string) => void = () => undefined;
  const load = vi
    .fn<() => Promise<string>>()
    .mockImplementationOnce(() => new Promise((resolve) => (finish = resolve)))
    .mockResolvedValueOnce("after");
  const told: unknown[] = [];
  const poller = new Poller(load, (data) => told.push(data));
  poller.start();
  const refreshed = poller.refresh();
  finish("before");
  await refreshed;
  expect(told).toEqual(["before", "after"]);
  poller.stop();
});

test("what cannot change any more is not asked for again", async () => {
  const load = vi.fn(async () => "ended");
  const poller = new Poller(
    load,
    () => undefined,
    () => false,
  );
  poller.start();
  await vi.advanceTimersByTimeAsync(10 * EVERY_MS);
  expect(load).toHaveBeenCalledTimes(1);
  poller.stop();
});
