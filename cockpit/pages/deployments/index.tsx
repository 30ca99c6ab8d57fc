/** What was deployed, and deploying more. */
import { useLive } from "../../core/live";
import type { Deployment } from "../../core/model";
import { type Page, type PageProps, useTitle } from "../../core/page";
import { pageNumber } from "../../core/paging";
import { change } from "../../core/router";
import { Empty, Loading, Pager, Problem, Time } from "../../ui/show";
import { ContentsPane } from "./ContentsPane";
import { DropZone } from "./DropZone";
import { loadDeployments } from "./data";

export const deployments: Page = { segment: "deployments", nav: "Deployments", Component: Deployments };

function Deployments({ query }: PageProps) {
  useTitle("Deployments");
  const number = pageNumber(query.page);
  const list = useLive((abort) => loadDeployments(number, abort), ["deployments", number]);
  return (
    <>
      <h1>Deployments</h1>
      <DropZone refresh={list.refresh} />
      <Problem error={list.error} />
      <div class="panes">
        <section class="card" aria-label="Deployments">
          {!list.data && !list.error && <Loading />}
          {list.data && list.data.rows.length === 0 && <Empty>Nothing is deployed yet.</Empty>}
          {list.data && <List rows={list.data.rows} selected={query.id} />}
          {list.data && <Pager number={number} more={list.data.more} />}
        </section>
        {query.id ? (
          <ContentsPane key={query.id} id={query.id} refresh={list.refresh} />
        ) : (
          <section class="card" aria-label="Deployment">
            <Empty>Choose a deployment to see what is in it.</Empty>
          </section>
        )}
      </div>
    </>
  );
}

function List({ rows, selected }: { rows: readonly Deployment[]; selected: string | undefined }) {
  return (
    <ul class="tasks">
      {rows.map((row) => (
        <li key={row.id}>
          <button
            type="button"
            aria-current={row.id === selected ? "true" : undefined}
            onClick={() => change({ id: row.id })}
          >
            <strong>{row.name || row.id}</strong>
            <span class="sub">
              {row.source && <>{row.source} · </>}
              {row.tenantId && <>{row.tenantId} · </>}
              <Time at={row.deploymentTime} />
            </span>
          </button>
        </li>
      ))}
    </ul>
  );
}
