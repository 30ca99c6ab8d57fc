/** All processes with what runs of them, and what is new: incidents, tasks. */
import { useMemo, useState } from "preact/hooks";
import { useLive } from "../../core/live";
import { type Definition, type Incident, inherited, type Task, title } from "../../core/model";
import { type Page, useTitle } from "../../core/page";
import { href } from "../../core/router";
import { StartDialog } from "../../ui/StartDialog";
import { Empty, Loading, Problem, Time } from "../../ui/show";
import { loadOverview, type Overview, type Process } from "./data";

export const processes: Page = { segment: "processes", nav: "Processes", Component: Processes };

function Processes() {
  useTitle("Processes");
  const { data, error } = useLive(loadOverview, ["processes"]);
  const [starting, setStarting] = useState<Definition>();
  return (
    <>
      <h1>Processes</h1>
      <Problem error={error} />
      {!data && !error && <Loading />}
      {data && <Totals data={data} />}
      {data && data.processes.length === 0 && <Nothing />}
      {data && data.processes.length > 0 && (
        <div class="columns">
          <Table rows={data.processes} onStart={setStarting} />
          <aside aria-label="News">
            <Incidents rows={data.incidents} />
            <Tasks rows={data.tasks} />
          </aside>
        </div>
      )}
      {starting && <StartDialog definition={starting} onClose={() => setStarting(undefined)} />}
    </>
  );
}

function Totals({ data }: { data: Overview }) {
  const sum = (of: (process: Process) => number): string =>
    data.processes.reduce((total, process) => total + of(process), 0).toLocaleString("en");
  const incidents = sum((process) => process.incidents);
  return (
    <dl class="totals">
      <Total name="Running instances" value={sum((process) => process.running)} />
      <Total name="Open incidents" value={incidents} bad={incidents !== "0"} />
      <Total name="Processes" value={data.processes.length.toLocaleString("en")} />
    </dl>
  );
}

function Total({ name, value, bad = false }: { name: string; value: string; bad?: boolean }) {
  return (
    <div class={bad ? "bad" : ""}>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

function Nothing() {
  return (
    <Empty>
      Nothing is deployed yet. <a href={href(["deployments"])}>Deploy a BPMN file</a>, or use{" "}
      <code>penstock deploy</code> or Camunda Modeler.
    </Empty>
  );
}

function Table({ rows, onStart }: { rows: readonly Process[]; onStart: (definition: Definition) => void }) {
  const most = useMemo(() => Math.max(1, ...rows.map((row) => row.running)), [rows]);
  return (
    <div class="card scroll">
      <table>
        <caption class="hidden">Processes</caption>
        <thead>
          <tr>
            <th scope="col">Process</th>
            <th scope="col">Version</th>
            <th scope="col" class="number">
              Running
            </th>
            <th scope="col" class="number">
              Incidents
            </th>
            <th scope="col">
              <span class="hidden">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <Row key={row.latest.id} row={row} most={most} onStart={onStart} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface RowProps {
  row: Process;
  most: number;
  onStart: (definition: Definition) => void;
}

function Row({ row: { latest, versions, running, incidents }, most, onStart }: RowProps) {
  const to = ["process-definition", latest.id];
  return (
    <tr>
      <th scope="row">
        <a href={href(to)}>{title(latest)}</a>
        <div class="sub">
          <code>{latest.key}</code>
          {latest.tenantId && <> · {latest.tenantId}</>}
          {latest.suspended && <> · suspended</>}
        </div>
      </th>
      <td>
        {latest.version}
        {latest.versionTag && <span class="muted"> ({latest.versionTag})</span>}
        {versions > 1 && <div class="sub">{versions} versions</div>}
      </td>
      <td class="number">
        {running.toLocaleString("en")}
        <meter min={0} max={most} value={running} aria-hidden="true" />
      </td>
      <td class="number">
        {incidents > 0 ? (
          <a class="state incident" href={href(to, { state: "incidents" })}>
            {incidents.toLocaleString("en")}
          </a>
        ) : (
          <span class="muted">0</span>
        )}
      </td>
      <td class="actions">
        <button type="button" disabled={latest.suspended} onClick={() => onStart(latest)}>
          Start<span class="hidden"> {title(latest)}</span> …
        </button>
      </td>
    </tr>
  );
}

function Incidents({ rows }: { rows: readonly Incident[] }) {
  return (
    <section class="card news">
      <h2>Newest incidents</h2>
      {rows.length === 0 && <p class="calm">No open incident.</p>}
      <ul>
        {rows.map((row) => (
          <li key={row.id}>
            <a href={href(["process-instance", row.processInstanceId], { tab: "incidents" })}>
              {row.incidentMessage || (inherited(row) ? "In a called instance" : row.incidentType)}
            </a>
            <div class="sub">
              {row.activityId} · <Time at={row.incidentTimestamp} />
            </div>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Tasks({ rows }: { rows: readonly Task[] }) {
  return (
    <section class="card news">
      <h2>Newest tasks</h2>
      {rows.length === 0 && <p class="calm">No task waits for a person.</p>}
      <ul>
        {rows.map((row) => (
          <li key={row.id}>
            <a href={href(["tasks"], { task: row.id })}>{row.name || row.taskDefinitionKey}</a>
            <div class="sub">
              {row.assignee ?? "unassigned"} · <Time at={row.created} />
            </div>
          </li>
        ))}
      </ul>
    </section>
  );
}
