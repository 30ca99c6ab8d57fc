import { useLive } from "../../core/live";
import type { Instance } from "../../core/model";
import { paged, pageNumber, window } from "../../core/paging";
import { send } from "../../core/rest";
import { href } from "../../core/router";
import { Empty, Loading, Pager, Problem, State, Time } from "../../ui/show";

/** The instances that call activities of this one have started. */
export function Called({ instance, query }: { instance: Instance; query: Readonly<Record<string, string>> }) {
  const number = pageNumber(query.page);
  const { data, error } = useLive(
    async (abort) => paged(await load(instance.id, number, abort)),
    [instance.id, number],
    () => instance.endTime === null,
  );
  if (!data) return error ? <Problem error={error} /> : <Loading />;
  if (data.rows.length === 0) return <Empty>This instance has called no other.</Empty>;
  return (
    <div class="scroll">
      <table>
        <caption class="hidden">Called instances</caption>
        <thead>
          <tr>
            <th scope="col">State</th>
            <th scope="col">Process</th>
            <th scope="col">Business key</th>
            <th scope="col">Started</th>
          </tr>
        </thead>
        <tbody>
          {data.rows.map((row) => (
            <tr key={row.id}>
              <td>
                <State of={row.state} />
              </td>
              <td>
                <a href={href(["process-instance", row.id])}>
                  {row.processDefinitionName || row.processDefinitionKey}
                </a>
              </td>
              <td>{row.businessKey ?? "–"}</td>
              <td>
                <Time at={row.startTime} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <Pager number={number} more={data.more} />
    </div>
  );
}

function load(id: string, number: number, abort: AbortSignal): Promise<Instance[]> {
  const query = { superProcessInstanceId: id, sorting: [{ sortBy: "startTime", sortOrder: "desc" }] };
  return send("POST", "/history/process-instance", query, window(number), abort);
}
