import type { Definition, DefinitionStatistics, Incident, Task } from "../../core/model";
import { incidentsOf } from "../../core/model";
import { get } from "../../core/rest";

/** All versions of one process of one tenant. */
export interface Process {
  latest: Definition;
  versions: number;
  running: number;
  incidents: number;
}

export interface Overview {
  processes: readonly Process[];
  incidents: readonly Incident[];
  tasks: readonly Task[];
}

const NEWEST = 6;

export async function loadOverview(abort: AbortSignal): Promise<Overview> {
  const [statistics, incidents, tasks] = await Promise.all([
    get<DefinitionStatistics[]>("/process-definition/statistics", { incidents: true }, abort),
    get<Incident[]>(
      "/incident",
      { sortBy: "incidentTimestamp", sortOrder: "desc", maxResults: NEWEST },
      abort,
    ),
    get<Task[]>("/task", { sortBy: "created", sortOrder: "desc", maxResults: NEWEST }, abort),
  ]);
  return { processes: grouped(statistics), incidents, tasks };
}

/** Versions together, under the newest; by name. */
export function grouped(statistics: readonly DefinitionStatistics[]): Process[] {
  const found = new Map<string, Process>();
  for (const { definition, instances, incidents } of statistics) {
    const id = `${definition.tenantId ?? ""} ${definition.key}`;
    const before = found.get(id);
    found.set(id, {
      latest: before && before.latest.version > definition.version ? before.latest : definition,
      versions: (before?.versions ?? 0) + 1,
      running: (before?.running ?? 0) + instances,
      incidents: (before?.incidents ?? 0) + incidentsOf(incidents),
    });
  }
  const name = ({ latest }: Process): string => latest.name || latest.key;
  return [...found.values()].sort((a, b) => name(a).localeCompare(name(b)));
}
