import { expect, test } from "vitest";
import { parse } from "./rest";
import { NotThatType, read, shown, written } from "./values";

test.each([
  ["Integer", "42", 42],
  ["Integer", "-7", -7],
  ["Long", "9007199254740993", "9007199254740993"],
  ["Double", "59.9", 59.9],
  ["Boolean", "false", false],
  ["String", " kept ", " kept "],
  ["Json", '{"a":1}', '{"a":1}'],
  ["Null", "anything", null],
])("%s: %s", (type, text, value) => {
  expect(read(type, text)).toEqual({ type, value });
});

test.each([
  ["Integer", "2147483648"],
  ["Integer", "1.5"],
  ["Integer", ""],
  ["Long", "9223372036854775808"],
  ["Double", "ten"],
  ["Double", ""],
  ["Boolean", "yes"],
  ["Date", "tomorrow"],
  ["Json", "{a:1}"],
])("%s refuses %s", (type, text) => {
  expect(() => read(type, text)).toThrow(NotThatType);
});

test("a Long beyond 2^53 comes out of an answer as it was sent", () => {
  const [value] = parse<[{ type: string; value: unknown }]>('[{"type":"Long","value":9007199254740993}]');
  expect(written(value)).toBe("9007199254740993");
});

test("a Double keeps being a number", () => {
  expect(parse('{"value":1e300,"small":0.1}')).toEqual({ value: 1e300, small: 0.1 });
});

test("a date is edited in local time and sent with its zone", () => {
  const sent = "2030-01-31T12:00:00.000+0000";
  const text = written({ type: "Date", value: sent });
  expect(text).toHaveLength("2030-01-31T12:00:00".length);
  expect(read("Date", text)).toEqual({ type: "Date", value: sent });
});

test("structured text is indented, other text is left alone", () => {
  expect(shown({ type: "Json", value: '{"a":[1]}' })).toBe('{\n  "a": [\n    1\n  ]\n}');
  expect(shown({ type: "String", value: "{not json" })).toBe("{not json");
});
