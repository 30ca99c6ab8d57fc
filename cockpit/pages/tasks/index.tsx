/** Work for people: what waits, and the one that is being done. */
import { useLive } from "../../core/live";
import type { Task } from "../../core/model";
import { type Page, type PageProps, useTitle } from "../../core/page";
import { pageNumber } from "../../core/paging";
import { change } from "../../core/router";
import { user } from "../../core/user";
import { Empty, Loading, Pager, Problem, Time } from "../../ui/show";
import { FILTERS, filterNamed, loadTasks } from "./data";
import { TaskPane } from "./TaskPane";

export const tasks: Page = { segment: "tasks", nav: "Tasks", Component: Tasks };

function Tasks({ query }: PageProps) {
  useTitle("Tasks");
  const filter = filterNamed(query.filter);
  const number = pageNumber(query.page);
  const who = filter === "mine" ? user.value : "";
  const list = useLive((abort) => loadTasks(filter, who, number, abort), ["tasks", filter, who, number]);
  return (
    <>
      <h1>Tasks</h1>
      <Problem error={list.error} />
      <div class="panes">
        <section class="card" aria-label="Tasks">
          <div class="filters">
            <div class="segments" role="group" aria-label="Whose">
              {Object.entries(FILTERS).map(([name, text]) => (
                <button
                  key={name}
                  type="button"
                  aria-pressed={name === filter}
                  onClick={() => change({ filter: name, page: undefined })}
                >
                  {text}
                </button>
              ))}
            </div>
          </div>
          {!list.data && !list.error && <Loading />}
          {list.data && list.data.rows.length === 0 && <Empty>{emptyText(filter, who)}</Empty>}
          {list.data && <List rows={list.data.rows} selected={query.task} />}
          {list.data && <Pager number={number} more={list.data.more} />}
        </section>
        {query.task ? (
          <TaskPane key={query.task} id={query.task} refresh={list.refresh} />
        ) : (
          <section class="card" aria-label="Task">
            <Empty>Choose a task to work on it.</Empty>
          </section>
        )}
      </div>
    </>
  );
}

function emptyText(filter: keyof typeof FILTERS, who: string): string {
  if (filter === "mine") return `${who} has claimed no task.`;
  return "No task waits for a person.";
}

function List({ rows, selected }: { rows: readonly Task[]; selected: string | undefined }) {
  return (
    <ul class="tasks">
      {rows.map((task) => (
        <li key={task.id}>
          <button
            type="button"
            aria-current={task.id === selected ? "true" : undefined}
            onClick={() => change({ task: task.id })}
          >
            <strong>{task.name || task.taskDefinitionKey}</strong>
            <span class="sub">
              {processOf(task)} · {task.assignee ?? "unassigned"} · <Time at={task.created} />
            </span>
            {task.due && (
              <span class={Date.parse(task.due) < Date.now() ? "sub bad-text" : "sub"}>
                due <Time at={task.due} />
              </span>
            )}
          </button>
        </li>
      ))}
    </ul>
  );
}

/** The key of the process, which the id of its definition begins with. */
function processOf(task: Task): string {
  return task.processDefinitionId?.split(":")[0] ?? "no process";
}
