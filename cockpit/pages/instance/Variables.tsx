/** The variables of an instance, of every type; those of a running one can be changed. */
import { useState } from "preact/hooks";
import { useLive } from "../../core/live";
import type { ActivityInstance, Instance, Variable } from "../../core/model";
import { type Page, paged, pageNumber, window } from "../../core/paging";
import { address, path } from "../../core/rest";
import { isBinary, shown } from "../../core/values";
import { getVariables } from "../../core/variables";
import { Empty, Loading, Pager, Problem } from "../../ui/show";
import { EditVariable, RemoveVariable } from "./EditVariable";

const SHOWN = 50;

interface Props {
  instance: Instance;
  history: readonly ActivityInstance[];
  query: Readonly<Record<string, string>>;
}

async function load(instance: Instance, number: number, abort: AbortSignal): Promise<Page<Variable>> {
  const common = {
    sortBy: "variableName",
    sortOrder: "asc",
    ...window(number, SHOWN),
  };
  const found =
    instance.endTime === null
      ? await getVariables<Variable>(
          "/variable-instance",
          { processInstanceIdIn: instance.id, ...common },
          abort,
        )
      : await getVariables<Variable>(
          "/history/variable-instance",
          { processInstanceId: instance.id, ...common },
          abort,
        );
  return paged(found, SHOWN);
}

export function Variables({ instance, history, query }: Props) {
  const number = pageNumber(query.page);
  const running = instance.endTime === null;
  const live = useLive(
    (abort) => load(instance, number, abort),
    [instance.id, running, number],
    () => running,
  );
  const [editing, setEditing] = useState<Variable | "new">();
  const [removing, setRemoving] = useState<Variable>();
  if (!live.data) return live.error ? <Problem error={live.error} /> : <Loading />;
  const { rows, more } = live.data;
  return (
    <>
      <Problem error={live.error} />
      {rows.length === 0 && <Empty>No variables.</Empty>}
      {rows.length > 0 && (
        <Table
          rows={rows}
          scope={(row) => scopeName(row, instance.id, history)}
          running={running}
          onEdit={setEditing}
          onRemove={setRemoving}
        />
      )}
      <div class="below">
        {running && (
          <button type="button" onClick={() => setEditing("new")}>
            Add a variable …
          </button>
        )}
        <Pager number={number} more={more} />
      </div>
      {editing && (
        <EditVariable
          instance={instance.id}
          variable={editing === "new" ? undefined : editing}
          refresh={live.refresh}
          onClose={() => setEditing(undefined)}
        />
      )}
      {removing && (
        <RemoveVariable variable={removing} refresh={live.refresh} onClose={() => setRemoving(undefined)} />
      )}
    </>
  );
}

/** Where it belongs: the instance, a task, or the activity whose scope holds it. */
function scopeName(row: Variable, instance: string, history: readonly ActivityInstance[]): string {
  if (row.taskId) return "task";
  if (row.activityInstanceId === instance || row.executionId === instance) return "instance";
  const entry = history.find((candidate) => candidate.id === row.activityInstanceId);
  return entry ? entry.activityName || entry.activityId : "local";
}

interface TableProps {
  rows: readonly Variable[];
  scope: (row: Variable) => string;
  running: boolean;
  onEdit: (row: Variable) => void;
  onRemove: (row: Variable) => void;
}

function Table({ rows, scope, running, onEdit, onRemove }: TableProps) {
  return (
    <div class="scroll">
      <table>
        <caption class="hidden">Variables</caption>
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">Type</th>
            <th scope="col">Value</th>
            <th scope="col">Scope</th>
            <th scope="col">
              <span class="hidden">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.id}>
              <th scope="row">
                <code>{row.name}</code>
              </th>
              <td class="muted">{row.type}</td>
              <td class="value">
                <Value row={row} running={running} />
              </td>
              <td>{scope(row)}</td>
              <td class="actions">
                {running && (
                  <>
                    <button type="button" aria-label={`Edit ${row.name}`} onClick={() => onEdit(row)}>
                      Edit
                    </button>{" "}
                    <button type="button" aria-label={`Remove ${row.name}`} onClick={() => onRemove(row)}>
                      Remove
                    </button>
                  </>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const LONG = 160;

function Value({ row, running }: { row: Variable; running: boolean }) {
  if (row.errorMessage) return <span class="bad-text">{row.errorMessage}</span>;
  if (isBinary(row.type)) return <Download row={row} running={running} />;
  if (row.value === null) return <span class="muted">null</span>;
  const text = shown(row);
  if (text.length <= LONG && !text.includes("\n")) return <code>{text === "" ? '""' : text}</code>;
  return (
    <details>
      <summary>
        <code>{clipped(text)}</code>
      </summary>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard */}
      <pre tabIndex={0}>{text}</pre>
    </details>
  );
}

function clipped(text: string): string {
  const line = text.replace(/\s+/g, " ");
  return line.length > LONG ? `${line.slice(0, LONG)} …` : line;
}

function Download({ row, running }: { row: Variable; running: boolean }) {
  const where = running
    ? path`/variable-instance/${row.id}/data`
    : path`/history/variable-instance/${row.id}/data`;
  const name = String(row.valueInfo?.filename ?? row.name);
  const kind = row.valueInfo?.mimeType;
  return (
    <a href={address(where)} download={name}>
      {name}
      {kind !== undefined && <span class="muted"> ({String(kind)})</span>}
    </a>
  );
}
