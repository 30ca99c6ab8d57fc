/** Variables as a person reads them: collections that the engine made come as Java serialises them, and are shown as JSON. */
import { get, type Query } from "./rest";
import type { TypedValue } from "./values";

const JAVA = "application/x-java-serialized-object";
type Identified = TypedValue & { id: string };

/** A list of variables, or of their changes. */
export async function getVariables<V extends Identified>(
  path: string,
  query: Query,
  abort?: AbortSignal,
): Promise<V[]> {
  const rows = await get<V[]>(path, { ...query, deserializeValues: false }, abort);
  if (!rows.some(isJava)) return rows;
  const read = await get<V[]>(path, { ...query, deserializeValues: true }, abort);
  const found = new Map(read.map((row) => [row.id, row]));
  return rows.map((row) => asJson(row, found.get(row.id)));
}

/** Variables by their names. */
export async function getVariableMap(path: string): Promise<Record<string, TypedValue>> {
  const values = await get<Record<string, TypedValue>>(path, { deserializeValues: false });
  if (!Object.values(values).some(isJava)) return values;
  const read = await get<Record<string, TypedValue>>(path, { deserializeValues: true });
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, asJson(value, read[name])]));
}

function isJava(value: TypedValue): boolean {
  return value.valueInfo?.serializationDataFormat === JAVA;
}

function asJson<V extends TypedValue>(value: V, read: V | undefined): V {
  if (!isJava(value) || !read || !isJava(read)) return value;
  const valueInfo = { ...value.valueInfo, serializationDataFormat: "application/json" };
  return { ...value, value: JSON.stringify(read.value), valueInfo };
}
