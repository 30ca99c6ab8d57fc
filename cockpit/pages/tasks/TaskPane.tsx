/** One task: claim it, fill its form, complete it. */
import { useEffect, useState } from "preact/hooks";
import { fieldsOf } from "../../core/forms";
import { known, useLive } from "../../core/live";
import type { Task } from "../../core/model";
import { path, type RestError, send } from "../../core/rest";
import { change, href } from "../../core/router";
import { user } from "../../core/user";
import { shown, type TypedValue } from "../../core/values";
import { modelOf } from "../../diagram/xml";
import { type Draft, draftsOf, variablesOf } from "../../ui/draft";
import { attempt, notify } from "../../ui/Notices";
import { Loading, Problem, Time } from "../../ui/show";
import { VariablesForm } from "../../ui/VariablesForm";
import { formVariables, loadTask } from "./data";

export function TaskPane({ id, refresh }: { id: string; refresh: () => Promise<void> }) {
  const task = useLive((abort) => loadTask(id, abort), [id]);
  const changed = async (): Promise<void> => {
    await Promise.all([task.refresh(), refresh()]);
  };
  if (!task.data || task.error?.status === 404) {
    return (
      <section class="card" aria-label="Task">
        {task.error ? (
          <Problem error={task.error}>
            <p>Somebody may have completed it.</p>
          </Problem>
        ) : (
          <Loading />
        )}
      </section>
    );
  }
  return (
    <section class="card task" aria-label="Task">
      <About task={task.data} />
      <Claim task={task.data} changed={changed} />
      <Work task={task.data} refresh={refresh} />
    </section>
  );
}

function About({ task }: { task: Task }) {
  return (
    <header>
      <h2>{task.name || task.taskDefinitionKey}</h2>
      {task.description && <p>{task.description}</p>}
      <p class="facts">
        <span>
          Created <Time at={task.created} />
        </span>
        {task.due && (
          <span>
            Due <Time at={task.due} />
          </span>
        )}
        <span>Priority {task.priority}</span>
        {task.processInstanceId && (
          <a href={href(["process-instance", task.processInstanceId])}>Process instance</a>
        )}
      </p>
    </header>
  );
}

function Claim({ task, changed }: { task: Task; changed: () => Promise<void> }) {
  const act = (done: string, action: string, body?: unknown) => async (): Promise<void> => {
    if (await attempt(done, () => send("POST", `${path`/task/${task.id}`}/${action}`, body))) await changed();
  };
  const claim = act(`${user.value} has the task.`, "claim", { userId: user.value });
  const unclaim = act("The task is free again.", "unclaim");
  return (
    <p class="claim">
      {task.assignee ? (
        <>
          <span>
            Claimed by <strong>{task.assignee}</strong>
          </span>
          <button type="button" onClick={unclaim}>
            Give it back
          </button>
        </>
      ) : (
        <>
          <span class="muted">Nobody has claimed it.</span>
          <button type="button" onClick={claim}>
            Claim
          </button>
        </>
      )}
    </p>
  );
}

interface Form {
  drafts: readonly Draft[];
  /** Variables that the task sees and that are no fields of its form. */
  others: Readonly<Record<string, TypedValue>>;
}

async function loadForm(task: Task): Promise<Form> {
  const [values, xml] = await Promise.all([
    formVariables(task.id),
    task.processDefinitionId ? modelOf(task.processDefinitionId) : "",
  ]);
  const fields = xml && task.taskDefinitionKey ? fieldsOf(xml, task.taskDefinitionKey) : [];
  const others = Object.entries(values).filter(([name]) => !fields.some((field) => field.id === name));
  return { drafts: draftsOf(fields, values), others: Object.fromEntries(others) };
}

function Work({ task, refresh }: { task: Task; refresh: () => Promise<void> }) {
  const [form, setForm] = useState<Form>();
  const [error, setError] = useState<RestError>();
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    loadForm(task).then(setForm, (problem: unknown) => setError(known(problem)));
  }, [task.id]);
  const complete = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    try {
      await send("POST", path`/task/${task.id}/submit-form`, { variables: variablesOf(form?.drafts ?? []) });
      notify(`${task.name ?? "The task"} is completed.`);
      change({ task: undefined });
      await refresh();
    } catch (problem) {
      setError(known(problem));
    } finally {
      setBusy(false);
    }
  };
  if (!form) return error ? <Problem error={error} /> : <Loading />;
  return (
    <form onSubmit={complete} noValidate>
      <VariablesForm drafts={form.drafts} onChange={(drafts) => setForm({ ...form, drafts })} />
      <Problem error={error} />
      <p>
        <button type="submit" class="primary" disabled={busy || task.suspended}>
          Complete
        </button>
        {task.suspended && <span class="muted"> Its instance is suspended.</span>}
      </p>
      <Others values={form.others} />
    </form>
  );
}

function Others({ values }: { values: Readonly<Record<string, TypedValue>> }) {
  const names = Object.keys(values).sort();
  if (names.length === 0) return null;
  return (
    <>
      <h3>What is known</h3>
      <dl class="known">
        {names.map((name) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{shown(values[name] ?? { type: "Null", value: null }) || "–"}</dd>
          </div>
        ))}
      </dl>
    </>
  );
}
