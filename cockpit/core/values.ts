/** Typed variables: what a person reads and types, and what the REST API takes. */

export interface TypedValue {
  type: string;
  value: unknown;
  valueInfo?: Record<string, unknown>;
}

/** The types that a person may type in; the others are files and serialized objects. */
export const EDITABLE = [
  "String",
  "Boolean",
  "Integer",
  "Long",
  "Double",
  "Date",
  "Json",
  "Xml",
  "Null",
] as const;

const BOUNDS: Record<string, readonly [bigint, bigint]> = {
  Short: [-(2n ** 15n), 2n ** 15n - 1n],
  Integer: [-(2n ** 31n), 2n ** 31n - 1n],
  Long: [-(2n ** 63n), 2n ** 63n - 1n],
};

/** What is wrong with a text for its type, said to who typed it. */
export class NotThatType extends Error {}

/** The value of a typed text. Throws NotThatType. */
export function read(type: string, text: string): TypedValue {
  switch (type) {
    case "Null":
      return { type, value: null };
    case "Boolean":
      if (text !== "true" && text !== "false") throw new NotThatType("Boolean: true or false.");
      return { type, value: text === "true" };
    case "Short":
    case "Integer":
    case "Long":
      return { type, value: whole(type, text.trim()) };
    case "Double":
      return { type, value: decimal(text.trim()) };
    case "Date":
      return { type, value: date(text.trim()) };
    case "Json":
      return { type, value: json(text) };
    default:
      return { type, value: text };
  }
}

function whole(type: string, text: string): number | string {
  const [least, most] = BOUNDS[type] ?? [0n, 0n];
  if (!/^[+-]?\d{1,20}$/.test(text)) throw new NotThatType(`${type}: a whole number, such as 42.`);
  const value = BigInt(text);
  if (value < least || value > most) throw new NotThatType(`${type}: from ${least} to ${most}.`);
  // Beyond 2^53 the digits travel as text: a JavaScript number would change them.
  return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString();
}

function decimal(text: string): number {
  const value = Number(text);
  if (text === "" || !Number.isFinite(value)) throw new NotThatType("Double: a number, such as 59.9.");
  return value;
}

function date(text: string): string {
  const value = new Date(text);
  if (text === "" || Number.isNaN(value.getTime())) throw new NotThatType("Date: such as 2030-01-31T12:00.");
  return value.toISOString().replace("Z", "+0000");
}

function json(text: string): string {
  try {
    JSON.parse(text);
  } catch (error) {
    throw new NotThatType(`Json: ${error instanceof Error ? error.message : "not readable"}`);
  }
  return text;
}

/** The text of a value as a person edits it. */
export function written(value: TypedValue): string {
  if (value.value === null || value.value === undefined) return "";
  if (value.type === "Date") return localDate(String(value.value));
  return typeof value.value === "object" ? JSON.stringify(value.value) : String(value.value);
}

/** The text of a value in a list: structured values indented, nothing for a file (it is downloaded). */
export function shown(value: TypedValue): string {
  const text = written(value);
  if (value.type !== "Json" && value.type !== "Object" && value.type !== "String") return text;
  return /^\s*[[{]/.test(text) ? indented(text) : text;
}

function indented(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), undefined, 2);
  } catch {
    return text;
  }
}

/** A moment of the REST API as `<input type="datetime-local">` wants it: local time, to the second. */
export function localDate(text: string): string {
  const at = new Date(text);
  if (Number.isNaN(at.getTime())) return text;
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}

/** A value that is bytes and so is downloaded, not shown. */
export function isBinary(type: string): boolean {
  return type === "File" || type === "Bytes";
}

export function isEditable(type: string): boolean {
  return (EDITABLE as readonly string[]).includes(type) || type === "Short";
}
