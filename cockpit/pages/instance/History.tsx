import type { ActivityInstance } from "../../core/model";
import { href } from "../../core/router";
import { Empty, Time, Took } from "../../ui/show";
import { STEPS } from "./data";

interface Props {
  rows: readonly ActivityInstance[];
  cut: boolean;
  names: ReadonlyMap<string, string>;
}

/** What it has done, the newest first. */
export function History({ rows, cut, names }: Props) {
  if (rows.length === 0) return <Empty>Nothing has happened yet.</Empty>;
  return (
    <div class="scroll">
      {cut && <p class="hint">The newest {STEPS} steps; the path on the diagram is drawn from these.</p>}
      <table>
        <caption class="hidden">Steps</caption>
        <thead>
          <tr>
            <th scope="col">Activity</th>
            <th scope="col">Kind</th>
            <th scope="col">Began</th>
            <th scope="col">Took</th>
            <th scope="col">Outcome</th>
          </tr>
        </thead>
        <tbody>
          {rows.toReversed().map((row) => (
            <tr key={row.id}>
              <th scope="row">
                {row.activityName || names.get(row.activityId) || row.activityId}
                <div class="sub">
                  <code>{row.activityId}</code>
                  {row.assignee && <> · {row.assignee}</>}
                </div>
              </th>
              <td>{kind(row.activityType)}</td>
              <td>
                <Time at={row.startTime} />
              </td>
              <td>
                <Took ms={row.durationInMillis} />
              </td>
              <td>
                <Outcome row={row} />
                {row.calledProcessInstanceId && (
                  <>
                    {" "}
                    <a href={href(["process-instance", row.calledProcessInstanceId])}>called instance</a>
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

function Outcome({ row }: { row: ActivityInstance }) {
  if (row.endTime === null) return <span class="state running">Active</span>;
  return row.canceled ? <span class="state ended">Canceled</span> : <span class="state done">Done</span>;
}

/** `serviceTask` → `service task`. */
function kind(type: string): string {
  return type.replace(/([A-Z])/g, (letter) => ` ${letter.toLowerCase()}`);
}
