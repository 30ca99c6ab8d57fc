/** What went wrong, why, and another try. */
import { useState } from "preact/hooks";
import { type Incident, inherited } from "../../core/model";
import { get, getText, path, send } from "../../core/rest";
import { href } from "../../core/router";
import { attempt } from "../../ui/Notices";
import { Empty, Time } from "../../ui/show";

interface Props {
  rows: readonly Incident[];
  names: ReadonlyMap<string, string>;
  refresh: () => Promise<void>;
}

export function Incidents({ rows, names, refresh }: Props) {
  if (rows.length === 0) return <Empty>No open incident.</Empty>;
  return (
    <ul class="incidents">
      {rows.map((row) => (
        <Row key={row.id} row={row} names={names} refresh={refresh} />
      ))}
    </ul>
  );
}

const KINDS: Record<string, string> = {
  failedJob: "A job has no retries left",
  failedExternalTask: "An external task has no retries left",
};

function Row({ row, names, refresh }: Omit<Props, "rows"> & { row: Incident }) {
  const activity = row.failedActivityId ?? row.activityId ?? "";
  const fromCalled = inherited(row);
  const retry = async (): Promise<void> => {
    if (await attempt("It is tried again.", () => tryAgain(row))) await refresh();
  };
  return (
    <li>
      <div class="incident-row">
        <div>
          <strong>{names.get(activity) ?? activity}</strong>{" "}
          <span class="muted">
            {KINDS[row.incidentType] ?? row.incidentType}, <Time at={row.incidentTimestamp} />
          </span>
          <p class="message">
            {row.incidentMessage || (fromCalled ? "In a called instance." : "No message was given.")}
          </p>
        </div>
        {fromCalled ? <Cause of={row} /> : canRetry(row) && <Retry onClick={retry} />}
      </div>
      {!fromCalled && canRetry(row) && <Details of={row} />}
    </li>
  );
}

function Retry({ onClick }: { onClick: () => Promise<void> }) {
  const [busy, setBusy] = useState(false);
  const click = async (): Promise<void> => {
    setBusy(true);
    await onClick();
    setBusy(false);
  };
  return (
    <button type="button" class="primary" disabled={busy} onClick={click}>
      Try again
    </button>
  );
}

function canRetry({ incidentType, configuration }: Incident): boolean {
  return configuration !== null && incidentType in KINDS;
}

function tryAgain({ incidentType, configuration }: Incident): Promise<unknown> {
  const id = configuration ?? "";
  const where = incidentType === "failedJob" ? path`/job/${id}/retries` : path`/external-task/${id}/retries`;
  return send("PUT", where, { retries: 1 });
}

/** The stack trace of a job, the error details of an external task: loaded when somebody wants to see them. */
function Details({ of: { incidentType, configuration } }: { of: Incident }) {
  const [text, setText] = useState<string>();
  const id = configuration ?? "";
  const load = async (open: boolean): Promise<void> => {
    if (!open || text !== undefined) return;
    const job = incidentType === "failedJob";
    const where = job ? path`/job/${id}/stacktrace` : path`/external-task/${id}/errorDetails`;
    try {
      setText((await getText(where)) || "The worker sent no details.");
    } catch (error) {
      setText(error instanceof Error ? error.message : String(error));
    }
  };
  return (
    <details onToggle={(event) => void load(event.currentTarget.open)}>
      <summary>{incidentType === "failedJob" ? "Stack trace" : "Error details"}</summary>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard */}
      <pre tabIndex={0}>{text ?? "Loading …"}</pre>
    </details>
  );
}

/** An incident that a called instance has passed up is dealt with there. */
function Cause({ of }: { of: Incident }) {
  const show = async (): Promise<void> => {
    const id = of.rootCauseIncidentId ?? "";
    await attempt("This is where it began.", async () => {
      const found = await get<Incident>(path`/incident/${id}`);
      location.hash = href(["process-instance", found.processInstanceId], { tab: "incidents" });
    });
  };
  return (
    <button type="button" onClick={show}>
      Go to its cause
    </button>
  );
}
