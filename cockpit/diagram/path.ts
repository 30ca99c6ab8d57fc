/** The way an instance has gone: history tells activities, not sequence flows, so these are found between them. */
import type { ActivityInstance } from "../core/model";

export interface Flow {
  id: string;
  source: string;
  target: string;
}

const BODY = "#multiInstanceBody";
/** Nodes that send each token along one flow only. */
const ONE_WAY = new Set(["exclusiveGateway", "eventBasedGateway"]);

type Entry = Pick<
  ActivityInstance,
  "id" | "parentActivityInstanceId" | "activityId" | "activityType" | "startTime" | "endTime" | "canceled"
>;

/** The id of the node in the model: a multi-instance body stands for its activity. */
export function nodeOf(activityId: string): string {
  return activityId.endsWith(BODY) ? activityId.slice(0, -BODY.length) : activityId;
}

/**
 * The flows that tokens have taken. `history`: entries in the order in which they began.
 *
 * What began came along the flow whose source, in the same scope, ended last before it; a source's end is used once per
 * flow (once in all by a gateway that chooses).
 */
export function takenFlows(flows: readonly Flow[], history: readonly Entry[]): Set<string> {
  const visits = visitsByNode(history);
  const incoming = Map.groupBy(flows, (flow) => flow.target);
  const used = new Set<string>();
  const taken = new Set<string>();
  for (const [node, entries] of visits) {
    for (const entry of entries) {
      const found = origin(entry, incoming.get(node) ?? [], visits, used);
      if (found) {
        used.add(found.use);
        taken.add(found.flow);
      }
    }
  }
  return taken;
}

/** What happened at each node; of a multi-instance activity its bodies, which flows lead to and from. */
function visitsByNode(history: readonly Entry[]): Map<string, Entry[]> {
  const bodies = new Set(
    history.filter((entry) => entry.activityId.endsWith(BODY)).map((e) => nodeOf(e.activityId)),
  );
  const whole = history.filter((entry) => !bodies.has(entry.activityId));
  return Map.groupBy(whole, (entry) => nodeOf(entry.activityId));
}

function origin(
  entry: Entry,
  flows: readonly Flow[],
  visits: ReadonlyMap<string, Entry[]>,
  used: ReadonlySet<string>,
): { flow: string; use: string } | undefined {
  let best: { flow: string; use: string; end: string } | undefined;
  for (const flow of flows) {
    for (const source of visits.get(flow.source) ?? []) {
      const use = ONE_WAY.has(source.activityType) ? source.id : `${source.id} ${flow.id}`;
      if (!ended(source, entry) || used.has(use)) continue;
      const end = source.endTime ?? "";
      if (!best || end > best.end) best = { flow: flow.id, use, end };
    }
  }
  return best;
}

/** `source` was left, in the scope of `entry` and before it began. Moments compare as text: one form, one zone. */
function ended(source: Entry, entry: Entry): boolean {
  return (
    source.endTime !== null &&
    !source.canceled &&
    source.endTime <= entry.startTime &&
    source.parentActivityInstanceId === entry.parentActivityInstanceId
  );
}
