import type { ActivityStatistics, Definition, Instance } from "../../core/model";
import { incidentsOf } from "../../core/model";
import { type Page, paged, window } from "../../core/paging";
import { get, path, send } from "../../core/rest";
import { type Badge, type Marks, short } from "../../diagram/marks";
import { nodeOf } from "../../diagram/path";

/** Which instances are listed: our word, what a reader sees, and what it asks of `/history/process-instance`. */
export const STATES = {
  running: { text: "Running", query: { unfinished: true } },
  incidents: { text: "With incidents", query: { unfinished: true, incidentStatus: "open" } },
  suspended: { text: "Suspended", query: { suspended: true } },
  completed: { text: "Completed", query: { completed: true } },
  canceled: { text: "Canceled", query: { externallyTerminated: true } },
  all: { text: "All", query: {} },
} as const;

export type StateName = keyof typeof STATES;

export interface Filter {
  state: StateName;
  businessKey: string;
  activity: string;
  page: number;
}

export interface Listed extends Instance {
  /** It has open incidents. */
  failing: boolean;
}

export function stateNamed(text: string | undefined): StateName {
  return text !== undefined && Object.hasOwn(STATES, text) ? (text as StateName) : "running";
}

/** One page of instances, newest first. */
export async function loadInstances(
  definition: string,
  filter: Filter,
  abort: AbortSignal,
): Promise<Page<Listed>> {
  const query = { ...criteria(definition, filter), sorting: [{ sortBy: "startTime", sortOrder: "desc" }] };
  const listed = await send<Instance[]>(
    "POST",
    "/history/process-instance",
    query,
    window(filter.page),
    abort,
  );
  const { rows, more } = paged(listed);
  const failing = await withIncidents(rows, abort);
  return { rows: rows.map((row) => ({ ...row, failing: failing.has(row.id) })), more };
}

function criteria(definition: string, { state, businessKey, activity }: Filter): Record<string, unknown> {
  const query: Record<string, unknown> = { processDefinitionId: definition, ...STATES[state].query };
  if (businessKey) query.processInstanceBusinessKeyLike = `%${businessKey.replace(/[%_\\]/g, "\\$&")}%`;
  if (activity) query[activityCriterion(state)] = [activity];
  return query;
}

/** Where instances are now, or where those that have ended were. */
function activityCriterion(state: StateName): string {
  if (state === "all") return "activityIdIn";
  return state === "completed" || state === "canceled" ? "executedActivityIdIn" : "activeActivityIdIn";
}

async function withIncidents(rows: readonly Instance[], abort: AbortSignal): Promise<ReadonlySet<string>> {
  const ids = rows.filter((row) => row.endTime === null).map((row) => row.id);
  if (ids.length === 0) return new Set();
  const query = { processInstanceIds: ids, incidentStatus: "open" };
  const found = await send<Instance[]>(
    "POST",
    "/history/process-instance",
    query,
    { maxResults: ids.length },
    abort,
  );
  return new Set(found.map((row) => row.id));
}

export function loadStatistics(definition: string, abort: AbortSignal): Promise<ActivityStatistics[]> {
  return get(path`/process-definition/${definition}/statistics`, { incidents: true }, abort);
}

/** The definition and its other versions, newest first. */
export async function loadVersions(
  id: string,
  abort: AbortSignal,
): Promise<{ definition: Definition; versions: readonly Definition[] }> {
  const definition = await get<Definition>(path`/process-definition/${id}`, {}, abort);
  const { key, tenantId } = definition;
  const query = { key, sortBy: "version", sortOrder: "desc", maxResults: 200 };
  const versions = await get<Definition[]>("/process-definition", query, abort);
  return { definition, versions: versions.filter((version) => version.tenantId === tenantId) };
}

/** What runs and what has failed, on the diagram. */
export function drawn(statistics: readonly ActivityStatistics[]): { badges: readonly Badge[]; marks: Marks } {
  const badges: Badge[] = [];
  const marks = new Map<string, "active" | "failed">();
  for (const { id, instances, incidents } of summed(statistics)) {
    const title = `${instances.toLocaleString("en")} running here`;
    if (instances > 0) badges.push({ element: id, tone: "running", text: short(instances), title });
    if (incidents > 0) {
      const wrong = `${incidents.toLocaleString("en")} open incidents here`;
      badges.push({ element: id, tone: "incident", text: short(incidents), title: wrong });
      marks.set(id, "failed");
    }
  }
  return { badges, marks };
}

/** Counts per node of the model: a multi-instance body and its instances are one. */
export function summed(
  statistics: readonly ActivityStatistics[],
): readonly { id: string; instances: number; incidents: number }[] {
  const found = new Map<string, { id: string; instances: number; incidents: number }>();
  for (const { id, instances, incidents } of statistics) {
    const node = found.get(nodeOf(id)) ?? { id: nodeOf(id), instances: 0, incidents: 0 };
    node.instances += instances;
    node.incidents += incidentsOf(incidents);
    found.set(node.id, node);
  }
  return [...found.values()];
}
