/** Forms that a model declares (`camunda:formData`), for a start event or a user task. */
import { parsed } from "../diagram/xml";

export interface Field {
  id: string;
  label: string;
  /** The variable's type: String, Long, Boolean or Date. */
  type: string;
  /** The values to choose from; empty when it may be anything. */
  choices: readonly { id: string; name: string }[];
  initial: string;
  required: boolean;
  readonly: boolean;
}

const CAMUNDA = "http://camunda.org/schema/1.0/bpmn";
const TYPES: Record<string, string> = { long: "Long", boolean: "Boolean", date: "Date" };

/** The fields of a user task. */
export function fieldsOf(xml: string, activity: string): readonly Field[] {
  const element = parsed(xml).querySelector(`[id="${CSS.escape(activity)}"]`);
  return element ? fields(element) : [];
}

/** The fields of the start event of a process. */
export function startFieldsOf(xml: string, key: string): readonly Field[] {
  const process = parsed(xml).querySelector(`process[id="${CSS.escape(key)}"]`);
  const starts = [...(process?.children ?? [])].filter((child) => child.localName === "startEvent");
  return starts.map(fields).find((found) => found.length > 0) ?? [];
}

function fields(element: Element): readonly Field[] {
  const own = [...element.children].find((child) => child.localName === "extensionElements");
  return [...(own?.getElementsByTagNameNS(CAMUNDA, "formField") ?? [])].map(field);
}

function field(element: Element): Field {
  const text = (name: string): string => element.getAttribute(name) ?? "";
  const initial = text("defaultValue");
  const constraints = [...element.getElementsByTagNameNS(CAMUNDA, "constraint")];
  const constrained = (name: string): boolean =>
    constraints.some((found) => found.getAttribute("name") === name);
  return {
    id: text("id"),
    label: text("label") || text("id"),
    type: TYPES[text("type")] ?? "String",
    choices: [...element.getElementsByTagNameNS(CAMUNDA, "value")].map((value) => ({
      id: value.getAttribute("id") ?? "",
      name: value.getAttribute("name") || (value.getAttribute("id") ?? ""),
    })),
    // An expression is evaluated by the server, and arrives with the form's variables.
    initial: /[$#]\{/.test(initial) ? "" : initial,
    required: constrained("required"),
    readonly: constrained("readonly"),
  };
}
