/** What the instance waits for: workers, people, moments, messages. */
import type { ComponentChildren } from "preact";
import { useLive } from "../../core/live";
import type { EventSubscription, ExternalTask, Job, JobDefinition, Task } from "../../core/model";
import { get, path, send } from "../../core/rest";
import { href } from "../../core/router";
import { attempt } from "../../ui/Notices";
import { Empty, Loading, Problem, Time } from "../../ui/show";

const MOST = 50;

interface Waits {
  external: readonly ExternalTask[];
  jobs: readonly (Job & { activityId: string; kind: string })[];
  tasks: readonly Task[];
  events: readonly EventSubscription[];
}

interface Props {
  instance: string;
  names: ReadonlyMap<string, string>;
  refresh: () => Promise<void>;
}

async function load(instance: string, abort: AbortSignal): Promise<Waits> {
  const query = { processInstanceId: instance, maxResults: MOST };
  const [external, jobs, tasks, events] = await Promise.all([
    get<ExternalTask[]>("/external-task", query, abort),
    get<Job[]>("/job", query, abort),
    get<Task[]>("/task", query, abort),
    get<EventSubscription[]>("/event-subscription", query, abort),
  ]);
  return { external, jobs: await described(jobs, abort), tasks, events };
}

/** Jobs know their activity through their definition only. */
async function described(jobs: readonly Job[], abort: AbortSignal): Promise<Waits["jobs"]> {
  const ids = [...new Set(jobs.map((job) => job.jobDefinitionId ?? ""))].filter(Boolean);
  const found = await Promise.all(
    ids.map((id) => get<JobDefinition>(path`/job-definition/${id}`, {}, abort)),
  );
  const byId = new Map(found.map((definition) => [definition.id, definition]));
  return jobs.map((job) => {
    const definition = byId.get(job.jobDefinitionId ?? "");
    return { ...job, activityId: definition?.activityId ?? "", kind: definition?.jobType ?? "job" };
  });
}

export function Waiting({ instance, names, refresh }: Props) {
  const { data, error, refresh: again } = useLive((abort) => load(instance, abort), [instance]);
  if (!data) return error ? <Problem error={error} /> : <Loading />;
  const { external, jobs, tasks, events } = data;
  if (external.length + jobs.length + tasks.length + events.length === 0) {
    return <Empty>No worker, person, job or message: it is being worked on.</Empty>;
  }
  const name = (activity: string | null): string => names.get(activity ?? "") ?? activity ?? "";
  const execute = async (id: string): Promise<void> => {
    if (await attempt("The job was executed.", () => send("POST", path`/job/${id}/execute`))) await refresh();
    await again();
  };
  return (
    <div class="scroll">
      <Problem error={error} />
      <table>
        <caption class="hidden">What it waits for</caption>
        <thead>
          <tr>
            <th scope="col">Where</th>
            <th scope="col">For</th>
            <th scope="col">Since</th>
            <th scope="col">
              <span class="hidden">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {external.map((task) => (
            <Wait
              key={task.id}
              where={name(task.activityId)}
              since={task.createTime}
              what={<Worker of={task} />}
            />
          ))}
          {tasks.map((task) => (
            <Wait
              key={task.id}
              where={task.name ?? name(task.taskDefinitionKey)}
              since={task.created}
              what={task.assignee ? `${task.assignee} to complete it` : "somebody to claim it"}
              action={<a href={href(["tasks"], { task: task.id })}>Open the task</a>}
            />
          ))}
          {jobs.map((job) => (
            <Wait
              key={job.id}
              where={name(job.activityId)}
              since={job.createTime}
              what={<Due of={job} />}
              action={
                <button type="button" onClick={() => void execute(job.id)}>
                  Execute now
                </button>
              }
            />
          ))}
          {events.map((event) => (
            <Wait
              key={event.id}
              where={name(event.activityId)}
              since={event.createdDate}
              what={
                <>
                  {event.eventType} {event.eventName && <code>{event.eventName}</code>}
                </>
              }
            />
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface WaitProps {
  where: string;
  what: ComponentChildren;
  since: string | null;
  action?: ComponentChildren;
}

function Wait({ where, what, since, action }: WaitProps) {
  return (
    <tr>
      <th scope="row">{where}</th>
      <td>{what}</td>
      <td>
        <Time at={since} />
      </td>
      <td class="actions">{action}</td>
    </tr>
  );
}

function Worker({
  of: { topicName, workerId, lockExpirationTime, retries, errorMessage },
}: {
  of: ExternalTask;
}) {
  const locked = workerId !== null && Date.parse(lockExpirationTime ?? "") > Date.now();
  return (
    <>
      a worker of <code>{topicName}</code>
      <div class="sub">
        {locked ? (
          <>
            {workerId} has it until <Time at={lockExpirationTime} />
          </>
        ) : (
          "no worker has it"
        )}
        {retries !== null && <> · {retries} retries left</>}
        {errorMessage && <> · {errorMessage}</>}
      </div>
    </>
  );
}

function Due({ of: { kind, dueDate, retries, exceptionMessage } }: { of: Job & { kind: string } }) {
  return (
    <>
      {kind.replace(/-/g, " ")}
      {dueDate && (
        <>
          , due <Time at={dueDate} />
        </>
      )}
      <div class="sub">
        {retries} retries left{exceptionMessage && <> · {exceptionMessage}</>}
      </div>
    </>
  );
}
