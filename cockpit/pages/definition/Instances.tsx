/** The instances of a definition: filters, and one page of them. */
import { useLive } from "../../core/live";
import type { ActivityStatistics } from "../../core/model";
import { pageNumber } from "../../core/paging";
import { change, href } from "../../core/router";
import { Empty, Id, Loading, Pager, Problem, State, Time, Took } from "../../ui/show";
import { type Filter, type Listed, loadInstances, STATES, stateNamed, summed } from "./data";

interface Props {
  /** Its id. */
  definition: string;
  query: Readonly<Record<string, string>>;
  counts: readonly ActivityStatistics[];
  names: ReadonlyMap<string, string>;
}

export function Instances({ definition, query, counts, names }: Props) {
  const filter: Filter = {
    state: stateNamed(query.state),
    businessKey: query.key ?? "",
    activity: query.activity ?? "",
    page: pageNumber(query.page),
  };
  const keys = [definition, filter.state, filter.businessKey, filter.activity, filter.page];
  const { data, error } = useLive((abort) => loadInstances(definition, filter, abort), keys);
  const ended = filter.state === "completed" || filter.state === "canceled" || filter.state === "all";
  return (
    <section class="card" aria-label="Instances">
      <Filters filter={filter} counts={counts} names={names} />
      <Problem error={error} />
      {!data && !error && <Loading />}
      {data && data.rows.length === 0 && <Empty>{emptyText(filter)}</Empty>}
      {data && data.rows.length > 0 && <Table rows={data.rows} ended={ended} />}
      {data && <Pager number={filter.page} more={data.more} />}
    </section>
  );
}

function emptyText({ state, businessKey, activity }: Filter): string {
  if (businessKey || activity) return "No instance fits these filters.";
  return state === "running" ? "No instance is running. Start one above." : "No such instance.";
}

function Filters({ filter, counts, names }: { filter: Filter } & Pick<Props, "counts" | "names">) {
  const places = summed(counts);
  const known = places.some((place) => place.id === filter.activity) || !filter.activity;
  return (
    <form class="filters" onSubmit={(event) => event.preventDefault()}>
      <div class="segments" role="group" aria-label="State">
        {Object.entries(STATES).map(([name, { text }]) => (
          <button
            key={name}
            type="button"
            aria-pressed={name === filter.state}
            onClick={() => change({ state: name, page: undefined })}
          >
            {text}
          </button>
        ))}
      </div>
      <input
        type="search"
        aria-label="Business key contains"
        placeholder="Business key"
        value={filter.businessKey}
        onInput={(event) => change({ key: event.currentTarget.value, page: undefined })}
      />
      <select
        aria-label="Activity"
        value={filter.activity}
        onChange={(event) => change({ activity: event.currentTarget.value, page: undefined })}
      >
        <option value="">Any activity</option>
        {!known && <option value={filter.activity}>{names.get(filter.activity) ?? filter.activity}</option>}
        {places.map((place) => (
          <option key={place.id} value={place.id}>
            {names.get(place.id) ?? place.id} ({place.instances.toLocaleString("en")})
          </option>
        ))}
      </select>
    </form>
  );
}

function Table({ rows, ended }: { rows: readonly Listed[]; ended: boolean }) {
  return (
    <div class="scroll">
      <table>
        <caption class="hidden">Instances</caption>
        <thead>
          <tr>
            <th scope="col">State</th>
            <th scope="col">Instance</th>
            <th scope="col">Id</th>
            <th scope="col">Started</th>
            {ended && <th scope="col">Ended</th>}
            {ended && <th scope="col">Took</th>}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.id}>
              <td>
                <State of={row.state} incidents={row.failing ? 1 : 0} />
              </td>
              <th scope="row">
                <a href={href(["process-instance", row.id])}>{row.businessKey ?? <Id id={row.id} />}</a>
              </th>
              <td class="muted">
                <Id id={row.id} />
              </td>
              <td>
                <Time at={row.startTime} />
              </td>
              {ended && (
                <td>
                  <Time at={row.endTime} />
                </td>
              )}
              {ended && (
                <td>
                  <Took ms={row.durationInMillis} />
                </td>
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
