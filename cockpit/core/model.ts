/** What the REST API answers: the fields that the cockpit reads, named as Camunda names them. */
import type { TypedValue } from "./values";

export interface Definition {
  id: string;
  key: string;
  name: string | null;
  version: number;
  versionTag: string | null;
  deploymentId: string;
  resource: string;
  suspended: boolean;
  tenantId: string | null;
}

export interface IncidentCount {
  incidentType: string;
  incidentCount: number;
}

export interface DefinitionStatistics {
  id: string;
  instances: number;
  failedJobs: number;
  incidents: IncidentCount[];
  definition: Definition;
}

export interface ActivityStatistics {
  id: string;
  instances: number;
  incidents: IncidentCount[];
}

export type InstanceState =
  | "ACTIVE"
  | "SUSPENDED"
  | "COMPLETED"
  | "EXTERNALLY_TERMINATED"
  | "INTERNALLY_TERMINATED";

export interface Instance {
  id: string;
  businessKey: string | null;
  processDefinitionId: string;
  processDefinitionKey: string;
  processDefinitionName: string | null;
  processDefinitionVersion: number;
  startTime: string;
  endTime: string | null;
  durationInMillis: number | null;
  startUserId: string | null;
  superProcessInstanceId: string | null;
  rootProcessInstanceId: string | null;
  deleteReason: string | null;
  tenantId: string | null;
  state: InstanceState;
}

export interface ActivityInstance {
  id: string;
  parentActivityInstanceId: string;
  activityId: string;
  activityName: string | null;
  activityType: string;
  calledProcessInstanceId: string | null;
  taskId: string | null;
  assignee: string | null;
  startTime: string;
  endTime: string | null;
  durationInMillis: number | null;
  canceled: boolean;
}

/** A node of the tree of what is active now. */
export interface ActivityNode {
  id: string;
  activityId: string;
  activityName: string | null;
  activityType: string;
  childActivityInstances: ActivityNode[];
  childTransitionInstances: { id: string; activityId: string; incidentIds: string[] }[];
  incidentIds: string[];
}

export interface Variable extends TypedValue {
  id: string;
  name: string;
  processInstanceId: string;
  executionId: string | null;
  taskId: string | null;
  activityInstanceId: string | null;
  errorMessage: string | null;
}

export interface Incident {
  id: string;
  processDefinitionId: string;
  processInstanceId: string;
  activityId: string | null;
  failedActivityId: string | null;
  incidentTimestamp: string;
  incidentType: string;
  configuration: string | null;
  incidentMessage: string | null;
  rootCauseIncidentId: string | null;
}

export interface Job {
  id: string;
  jobDefinitionId: string | null;
  processInstanceId: string;
  failedActivityId: string | null;
  dueDate: string | null;
  retries: number;
  exceptionMessage: string | null;
  suspended: boolean;
  createTime: string;
}

export interface JobDefinition {
  id: string;
  jobType: string;
  activityId: string;
}

export interface ExternalTask {
  id: string;
  activityId: string;
  topicName: string;
  workerId: string | null;
  lockExpirationTime: string | null;
  retries: number | null;
  errorMessage: string | null;
  createTime: string | null;
  suspended: boolean;
}

export interface EventSubscription {
  id: string;
  eventType: string;
  eventName: string | null;
  activityId: string | null;
  createdDate: string;
}

export interface Task {
  id: string;
  name: string | null;
  assignee: string | null;
  created: string;
  due: string | null;
  followUp: string | null;
  description: string | null;
  priority: number;
  processDefinitionId: string | null;
  processInstanceId: string | null;
  taskDefinitionKey: string | null;
  formKey: string | null;
  suspended: boolean;
}

export interface Deployment {
  id: string;
  name: string | null;
  source: string | null;
  deploymentTime: string;
  tenantId: string | null;
}

export interface Resource {
  id: string;
  name: string;
}

/** The name that a person reads: the model's, else its key. */
export function title(definition: Pick<Definition, "name" | "key">): string {
  return definition.name || definition.key;
}

/** Whether an incident was passed up from a called instance. */
export function inherited(incident: Incident): boolean {
  return incident.rootCauseIncidentId !== null && incident.rootCauseIncidentId !== incident.id;
}

/** How many incidents of every kind. */
export function incidentsOf(counts: readonly IncidentCount[]): number {
  return counts.reduce((sum, count) => sum + count.incidentCount, 0);
}
