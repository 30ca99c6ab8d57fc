/** Addresses that Camunda's cockpit and tasklist have, which modelers and bookmarks open, as ours. */
import { href, type Place } from "./place";

interface Condition {
  type?: string;
  value?: unknown;
}

/** Where a foreign address leads here; undefined when it is one of ours already. */
export function translated({ segments, query }: Place): string | undefined {
  const [first] = segments;
  if (first === "repository") return href(["deployments"], { id: deployment(query.deploymentsQuery) });
  if (first === undefined && query.task) return href(["tasks"], { task: query.task });
  if (first === "dashboard" || first === "decisions" || first === "batch") return href(["processes"]);
  return undefined;
}

/** The id in `[{"type":"id","operator":"eq","value":"…"}]`. */
function deployment(conditions: string | undefined): string | undefined {
  try {
    const found = JSON.parse(conditions ?? "[]") as Condition[];
    const value = found.find((condition) => condition.type === "id")?.value;
    return typeof value === "string" ? value : undefined;
  } catch {
    return undefined;
  }
}
