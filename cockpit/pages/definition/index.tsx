/** One version of a process: where its instances are, which they are, start another. */
import { useMemo, useState } from "preact/hooks";
import { type Live, useLive } from "../../core/live";
import { type ActivityStatistics, type Definition, incidentsOf, title } from "../../core/model";
import { type Page, type PageProps, useTitle } from "../../core/page";
import { change, go, href } from "../../core/router";
import { DiagramView, EmptyStage, useModel } from "../../diagram/DiagramView";
import { namesOf } from "../../diagram/xml";
import { StartDialog } from "../../ui/StartDialog";
import { Problem } from "../../ui/show";
import { drawn, loadStatistics, loadVersions } from "./data";
import { Instances } from "./Instances";
import { RetryDialog } from "./RetryDialog";

export const definition: Page = { segment: "process-definition", Component: Definition_ };

const never = (): boolean => false;
const NONE: readonly ActivityStatistics[] = [];
const NO_NAMES: ReadonlyMap<string, string> = new Map();

function Definition_({ id, query }: PageProps) {
  const about = useLive((abort) => loadVersions(id, abort), [id], never);
  const model = useModel(id);
  const statistics = useStatistics(id, model.data !== undefined);
  const names = useMemo(() => (model.data ? namesOf(model.data) : NO_NAMES), [model.data]);
  const counts = statistics.data ?? NONE;
  const found = about.data;
  useTitle(found && title(found.definition));
  if (about.error && !found) return <Problem error={about.error} />;
  return (
    <>
      {found && (
        <Heading
          definition={found.definition}
          versions={found.versions}
          counts={counts}
          activity={query.activity ?? ""}
        />
      )}
      <Problem error={model.error ?? statistics.error} />
      <Stage xml={model.data} definition={found?.definition} counts={counts} selected={query.activity} />
      <Instances definition={id} query={query} counts={counts} names={names} />
    </>
  );
}

/** Counts take longest, and are asked for last: what they belong to is there first. */
function useStatistics(id: string, wanted: boolean): Live<ActivityStatistics[]> {
  const load = async (abort: AbortSignal): Promise<ActivityStatistics[]> =>
    wanted ? loadStatistics(id, abort) : [];
  return useLive(load, [id, wanted], () => wanted);
}

interface StageProps {
  xml: string | undefined;
  definition: Definition | undefined;
  counts: readonly ActivityStatistics[];
  selected: string | undefined;
}

function Stage({ xml, definition, counts, selected }: StageProps) {
  const { badges, marks } = useMemo(() => drawn(counts), [counts]);
  if (!xml || !definition) return <EmptyStage />;
  return (
    <div class="card stage">
      <DiagramView
        xml={xml}
        process={definition.key}
        label={`Diagram of ${title(definition)}`}
        badges={badges}
        marks={marks}
        selected={selected || undefined}
        onPick={(element) => change({ activity: element === selected ? "" : element, page: undefined })}
      />
    </div>
  );
}

interface HeadingProps {
  definition: Definition;
  versions: readonly Definition[];
  counts: readonly ActivityStatistics[];
  activity: string;
}

function Heading({ definition, versions, counts, activity }: HeadingProps) {
  const [starting, setStarting] = useState(false);
  const [retrying, setRetrying] = useState(false);
  const incidents = counts.reduce((sum, count) => sum + incidentsOf(count.incidents), 0);
  return (
    <div class="heading">
      <div>
        <nav class="crumbs" aria-label="Where this is">
          <a href="#/">Processes</a>
        </nav>
        <h1>{title(definition)}</h1>
        <p class="facts">
          <code>{definition.key}</code>
          {versions.length > 1 ? (
            <label>
              Version{" "}
              <select
                value={definition.id}
                onChange={(event) => go(href(["process-definition", event.currentTarget.value]))}
              >
                {versions.map((version) => (
                  <option key={version.id} value={version.id}>
                    {version.version}
                    {version.versionTag ? ` (${version.versionTag})` : ""}
                  </option>
                ))}
              </select>
            </label>
          ) : (
            <span>Version {definition.version}</span>
          )}
          {definition.versionTag && <span>{definition.versionTag}</span>}
          {definition.tenantId && <span>Tenant {definition.tenantId}</span>}
          {definition.suspended && <span class="state waiting">Suspended</span>}
          {incidents > 0 && (
            <a
              class="state incident"
              href={href(["process-definition", definition.id], { state: "incidents" })}
            >
              {incidents.toLocaleString("en")} {incidents === 1 ? "incident" : "incidents"}
            </a>
          )}
          <a href={href(["deployments"], { id: definition.deploymentId })}>Deployment</a>
        </p>
      </div>
      <div class="buttons">
        {incidents > 0 && (
          <button type="button" onClick={() => setRetrying(true)}>
            Try failed work again …
          </button>
        )}
        <button
          type="button"
          class="primary"
          disabled={definition.suspended}
          onClick={() => setStarting(true)}
        >
          Start an instance …
        </button>
      </div>
      {starting && <StartDialog definition={definition} onClose={() => setStarting(false)} />}
      {retrying && (
        <RetryDialog definition={definition} activity={activity} onClose={() => setRetrying(false)} />
      )}
    </div>
  );
}
