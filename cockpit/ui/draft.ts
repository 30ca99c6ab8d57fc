/** Variables that somebody types: fields of a form, and rows that are added freely. */
import type { Field } from "../core/forms";
import { RestError } from "../core/rest";
import { isEditable, NotThatType, read, type TypedValue, written } from "../core/values";

export interface Draft {
  name: string;
  type: string;
  text: string;
  /** The field of the model's form, if it is one. */
  field?: Field;
}

/** A form's fields, with the values that are known already. */
export function draftsOf(
  fields: readonly Field[],
  values: Readonly<Record<string, TypedValue>> = {},
): Draft[] {
  return fields.map((field) => {
    const value = values[field.id];
    const text = value && value.value !== null && value.value !== undefined ? written(value) : initial(field);
    return { name: field.id, type: field.type, text, field };
  });
}

function initial(field: Field): string {
  return field.type === "Boolean" && field.initial === "" ? "false" : field.initial;
}

/** Rows for variables as they are, so that they can be used again; files are left out. */
export function copied(values: readonly (TypedValue & { name: string })[]): Draft[] {
  return values
    .filter((value) => isEditable(value.type))
    .map((value) => ({ name: value.name, type: value.type, text: written(value) }));
}

/** The variables as the REST API takes them. Throws RestError that names the one that is wrong. */
export function variablesOf(drafts: readonly Draft[]): Record<string, TypedValue> {
  const values: Record<string, TypedValue> = {};
  for (const draft of drafts) {
    if (draft.field?.readonly || (draft.name === "" && draft.text === "")) continue;
    if (draft.name === "") throw wrong("A variable has no name.");
    if (draft.field && draft.text === "") {
      if (draft.field.required) throw wrong(`${draft.field.label}: a value is needed.`);
      continue;
    }
    values[draft.name] = value(draft);
  }
  return values;
}

function value(draft: Draft): TypedValue {
  try {
    return read(draft.type, draft.text);
  } catch (error) {
    if (error instanceof NotThatType) throw wrong(`${draft.field?.label ?? draft.name}: ${error.message}`);
    throw error;
  }
}

function wrong(message: string): RestError {
  return new RestError(400, "Input", message);
}
