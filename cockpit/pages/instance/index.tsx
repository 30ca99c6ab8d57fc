/** One instance: where its tokens are, the way it has gone, its variables, what went wrong, what it waits for. */
import { useMemo, useState } from "preact/hooks";
import { useLive } from "../../core/live";
import { type Page, type PageProps, useTitle } from "../../core/page";
import { DiagramView, EmptyStage, useModel } from "../../diagram/DiagramView";
import type { Flow } from "../../diagram/path";
import { namesOf } from "../../diagram/xml";
import { Loading, Problem } from "../../ui/show";
import { type Tab, Tabs } from "../../ui/Tabs";
import { Called } from "./Called";
import { drawn, loadOverview, type Overview } from "./data";
import { Heading } from "./Heading";
import { History } from "./History";
import { Incidents } from "./Incidents";
import { Variables } from "./Variables";
import { Waiting } from "./Waiting";

export const instance: Page = { segment: "process-instance", Component: Instance };

const running = ({ instance }: Overview): boolean => instance.endTime === null;
const NO_NAMES: ReadonlyMap<string, string> = new Map();

function Instance({ id, query }: PageProps) {
  const { data, error, refresh } = useLive((abort) => loadOverview(id, abort), [id], running);
  useTitle(data && (data.instance.businessKey ?? data.instance.processDefinitionKey));
  if (!data) return error ? <Problem error={error} /> : <Loading />;
  return (
    <>
      <Heading instance={data.instance} failing={data.incidents.length} refresh={refresh} />
      <Problem error={error} />
      <Body data={data} query={query} refresh={refresh} />
    </>
  );
}

interface BodyProps {
  data: Overview;
  query: Readonly<Record<string, string>>;
  refresh: () => Promise<void>;
}

function Body({ data, query, refresh }: BodyProps) {
  const model = useModel(data.instance.processDefinitionId);
  const names = useMemo(() => (model.data ? namesOf(model.data) : NO_NAMES), [model.data]);
  const [first] = useState(() => (data.incidents.length > 0 ? "incidents" : "variables"));
  const tab = query.tab ?? first;
  return (
    <>
      <Problem error={model.error} />
      <Stage xml={model.data} data={data} />
      <section class="card">
        <Tabs label="About this instance" tabs={tabs(data)} current={tab} />
        <div id="panel" role="tabpanel" aria-labelledby={`tab-${tab}`}>
          <Panel tab={tab} data={data} query={query} names={names} refresh={refresh} />
        </div>
      </section>
    </>
  );
}

const NO_FLOWS: readonly Flow[] = [];

function Stage({ xml, data }: { xml: string | undefined; data: Overview }) {
  const [flows, setFlows] = useState(NO_FLOWS);
  const { marks, badges } = useMemo(() => drawn(data, flows), [data, flows]);
  const name = data.instance.businessKey ?? data.instance.id;
  if (!xml) return <EmptyStage />;
  return (
    <div class="card stage">
      <DiagramView
        xml={xml}
        process={data.instance.processDefinitionKey}
        label={`Diagram of ${name}`}
        marks={marks}
        badges={badges}
        onFlows={setFlows}
      />
    </div>
  );
}

function tabs({ incidents, history, instance }: Overview): readonly Tab[] {
  const called = history.filter((entry) => entry.calledProcessInstanceId).length;
  return [
    { id: "variables", text: "Variables" },
    { id: "incidents", text: "Incidents", count: incidents.length, alarming: true },
    ...(instance.endTime === null ? [{ id: "waiting", text: "Waits for" }] : []),
    { id: "history", text: "Steps", count: history.length },
    { id: "called", text: "Called", count: called },
  ];
}

function Panel({
  tab,
  data,
  query,
  names,
  refresh,
}: BodyProps & { tab: string; names: ReadonlyMap<string, string> }) {
  switch (tab) {
    case "incidents":
      return <Incidents rows={data.incidents} names={names} refresh={refresh} />;
    case "waiting":
      return <Waiting instance={data.instance.id} names={names} refresh={refresh} />;
    case "history":
      return <History rows={data.history} cut={data.cut} names={names} />;
    case "called":
      return <Called instance={data.instance} query={query} />;
    default:
      return <Variables instance={data.instance} history={data.history} query={query} />;
  }
}
