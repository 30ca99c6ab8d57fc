import type { ActivityInstance, ActivityNode, Incident, Instance } from "../../core/model";
import { get, path, RestError } from "../../core/rest";
import { type Badge, type Marks, short } from "../../diagram/marks";
import { type Flow, nodeOf, takenFlows } from "../../diagram/path";

/** How many of the newest steps are loaded: enough for any path that a person can follow. */
export const STEPS = 500;
const INCIDENTS = 100;

export interface Overview {
  instance: Instance;
  /** In the order in which they began; the newest `STEPS` at most. */
  history: readonly ActivityInstance[];
  /** Earlier steps exist that are not in `history`. */
  cut: boolean;
  /** What is active; undefined once it has ended. */
  tree: ActivityNode | undefined;
  incidents: readonly Incident[];
}

export async function loadOverview(id: string, abort: AbortSignal): Promise<Overview> {
  const steps = { processInstanceId: id, sortBy: "occurrence", sortOrder: "desc", maxResults: STEPS + 1 };
  const instance = await get<Instance>(path`/history/process-instance/${id}`, {}, abort);
  const running = instance.endTime === null;
  const [found, tree, incidents] = await Promise.all([
    get<ActivityInstance[]>("/history/activity-instance", steps, abort),
    running ? loadTree(id, abort) : undefined,
    running ? get<Incident[]>("/incident", { processInstanceId: id, maxResults: INCIDENTS }, abort) : [],
  ]);
  return { instance, history: found.slice(0, STEPS).reverse(), cut: found.length > STEPS, tree, incidents };
}

/** What is active; nothing when the instance has ended meanwhile. */
async function loadTree(id: string, abort: AbortSignal): Promise<ActivityNode | undefined> {
  try {
    return await get<ActivityNode>(path`/process-instance/${id}/activity-instances`, {}, abort);
  } catch (error) {
    if (error instanceof RestError && error.status === 404) return undefined;
    throw error;
  }
}

/** Activity → how many tokens are there: leaves of the tree, and what waits before or after an activity. */
export function tokens(tree: ActivityNode | undefined): Map<string, number> {
  const found = new Map<string, number>();
  const add = (activity: string): void => {
    const node = nodeOf(activity);
    found.set(node, (found.get(node) ?? 0) + 1);
  };
  const walk = (node: ActivityNode): void => {
    for (const child of node.childTransitionInstances) add(child.activityId);
    for (const child of node.childActivityInstances) {
      if (child.childActivityInstances.length + child.childTransitionInstances.length === 0)
        add(child.activityId);
      walk(child);
    }
  };
  if (tree) walk(tree);
  return found;
}

/** The whole state of the instance on its diagram. */
export function drawn(
  { history, tree, incidents }: Overview,
  flows: readonly Flow[],
): { marks: Marks; badges: readonly Badge[] } {
  const marks = new Map<string, "done" | "active" | "failed" | "canceled" | "taken">();
  const badges: Badge[] = [];
  for (const entry of history) marks.set(nodeOf(entry.activityId), outcome(entry));
  for (const flow of takenFlows(flows, history)) marks.set(flow, "taken");
  for (const [element, count] of tokens(tree)) {
    marks.set(element, "active");
    badges.push({ element, tone: "running", text: short(count), title: `${count} running here` });
  }
  for (const [element, found] of Map.groupBy(incidents, (incident) => nodeOf(incident.activityId ?? ""))) {
    marks.set(element, "failed");
    badges.push({
      element,
      tone: "incident",
      text: short(found.length),
      title: `${found.length} incidents here`,
    });
  }
  return { marks, badges };
}

/** A subprocess that is entered has no token of its own; it is active as long as something in it is. */
function outcome(entry: ActivityInstance): "active" | "canceled" | "done" {
  if (entry.endTime === null) return "active";
  return entry.canceled ? "canceled" : "done";
}
