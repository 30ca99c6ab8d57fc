import { useState } from "preact/hooks";
import { useLive } from "../../core/live";
import { type Deployment, title } from "../../core/model";
import { address, path } from "../../core/rest";
import { change, href } from "../../core/router";
import { Dialog } from "../../ui/Dialog";
import { notify } from "../../ui/Notices";
import { Loading, Problem, Time } from "../../ui/show";
import { loadContents, remove } from "./data";

/** What a deployment brought. */
export function ContentsPane({ id, refresh }: { id: string; refresh: () => Promise<void> }) {
  const { data, error } = useLive(
    (abort) => loadContents(id, abort),
    [id],
    () => false,
  );
  const [removing, setRemoving] = useState(false);
  if (!data) {
    return (
      <section class="card" aria-label="Deployment">
        {error ? <Problem error={error} /> : <Loading />}
      </section>
    );
  }
  const { deployment, resources, definitions } = data;
  return (
    <section class="card task" aria-label="Deployment">
      <header>
        <h2>{deployment.name || "Deployment"}</h2>
        <p class="facts">
          <code>{deployment.id}</code>
          {deployment.source && <span>{deployment.source}</span>}
          <span>
            Deployed <Time at={deployment.deploymentTime} />
          </span>
        </p>
      </header>
      <h3>Processes</h3>
      {definitions.length === 0 && <p class="muted">No process.</p>}
      <ul>
        {definitions.map((definition) => (
          <li key={definition.id}>
            <a href={href(["process-definition", definition.id])}>{title(definition)}</a>{" "}
            <span class="muted">version {definition.version}</span>
          </li>
        ))}
      </ul>
      <h3>Files</h3>
      <ul>
        {resources.map((resource) => (
          <li key={resource.id}>
            <a href={address(path`/deployment/${id}/resources/${resource.id}/data`)} download={resource.name}>
              {resource.name}
            </a>
          </li>
        ))}
      </ul>
      <p>
        <button type="button" class="danger" onClick={() => setRemoving(true)}>
          Delete …
        </button>
      </p>
      {removing && <Remove deployment={deployment} refresh={refresh} onClose={() => setRemoving(false)} />}
    </section>
  );
}

interface RemoveProps {
  deployment: Deployment;
  refresh: () => Promise<void>;
  onClose: () => void;
}

function Remove({ deployment, refresh, onClose }: RemoveProps) {
  const submit = async (): Promise<void> => {
    await remove(deployment.id);
    notify("The deployment was deleted.");
    change({ id: undefined });
    await refresh();
  };
  return (
    <Dialog
      title={`Delete ${deployment.name || "this deployment"}?`}
      action="Delete"
      danger
      onSubmit={submit}
      onClose={onClose}
    >
      <p>
        Its processes go, with all their running instances and their whole history. This cannot be undone.
      </p>
    </Dialog>
  );
}
