/** The models of definitions, which never change once deployed. */
import { get, path } from "../core/rest";

const loaded = new Map<string, Promise<string>>();

export function modelOf(definition: string): Promise<string> {
  const known = loaded.get(definition);
  if (known) return known;
  const wanted = get<{ bpmn20Xml: string }>(path`/process-definition/${definition}/xml`).then(
    (found) => found.bpmn20Xml,
  );
  loaded.set(definition, wanted);
  wanted.catch(() => loaded.delete(definition));
  return wanted;
}

/** Element id → its name, from the model: for lists that know ids only. */
export function namesOf(xml: string): Map<string, string> {
  const names = new Map<string, string>();
  for (const element of parsed(xml).querySelectorAll("[id][name]")) {
    const name = element.getAttribute("name")?.replace(/\s+/g, " ").trim();
    if (name) names.set(element.id, name);
  }
  return names;
}

/** The id of the diagram that shows a process: a file may hold several. Undefined: none says so. */
export function diagramOf(xml: string, process: string): string | undefined {
  const model = parsed(xml);
  const elements = (name: string): readonly Element[] => [...model.getElementsByTagNameNS("*", name)];
  const shows = (element: string | null): boolean =>
    element === process ||
    elements("participant").some(
      (pool) => pool.getAttribute("processRef") === process && pool.parentElement?.id === element,
    );
  const plane = elements("BPMNPlane").find((found) => shows(found.getAttribute("bpmnElement")));
  return plane?.parentElement?.id || undefined;
}

export function parsed(xml: string): Document {
  return new DOMParser().parseFromString(xml, "application/xml");
}
