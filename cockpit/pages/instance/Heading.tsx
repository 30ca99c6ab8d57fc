import { useState } from "preact/hooks";
import type { Instance } from "../../core/model";
import { path, send } from "../../core/rest";
import { href } from "../../core/router";
import { Dialog } from "../../ui/Dialog";
import { attempt, notify } from "../../ui/Notices";
import { State, Time, Took } from "../../ui/show";

interface Props {
  instance: Instance;
  failing: number;
  refresh: () => Promise<void>;
}

export function Heading({ instance, failing, refresh }: Props) {
  const process = instance.processDefinitionName || instance.processDefinitionKey;
  return (
    <div class="heading">
      <div>
        <nav class="crumbs" aria-label="Where this is">
          <a href="#/">Processes</a> /{" "}
          <a href={href(["process-definition", instance.processDefinitionId])}>
            {process} <span class="muted">v{instance.processDefinitionVersion}</span>
          </a>
          {instance.superProcessInstanceId && (
            <>
              {" "}
              / <a href={href(["process-instance", instance.superProcessInstanceId])}>called by</a>
            </>
          )}
        </nav>
        <h1>
          {instance.businessKey ?? process} <State of={instance.state} incidents={failing} />
        </h1>
        <p class="facts">
          <code>{instance.id}</code>
          <span>
            Started <Time at={instance.startTime} />
            {instance.startUserId && <> by {instance.startUserId}</>}
          </span>
          {instance.endTime && (
            <span>
              Ended <Time at={instance.endTime} /> after <Took ms={instance.durationInMillis} />
            </span>
          )}
          {instance.deleteReason && <span>Reason: {instance.deleteReason}</span>}
          {instance.tenantId && <span>Tenant {instance.tenantId}</span>}
        </p>
      </div>
      {instance.endTime === null && <Actions instance={instance} refresh={refresh} />}
    </div>
  );
}

function Actions({ instance, refresh }: Omit<Props, "failing">) {
  const [asking, setAsking] = useState(false);
  const suspended = instance.state === "SUSPENDED";
  const where = path`/process-instance/${instance.id}`;
  const toggle = async (): Promise<void> => {
    const done = suspended ? "The instance goes on." : "The instance is suspended.";
    await attempt(done, () => send("PUT", `${where}/suspended`, { suspended: !suspended }));
    await refresh();
  };
  const cancel = async (): Promise<void> => {
    await send("DELETE", where);
    notify("The instance was canceled.");
    await refresh();
  };
  return (
    <div class="buttons">
      <button type="button" onClick={toggle}>
        {suspended ? "Resume" : "Suspend"}
      </button>
      <button type="button" class="danger" onClick={() => setAsking(true)}>
        Cancel …
      </button>
      {asking && (
        <Dialog
          title="Cancel this instance?"
          action="Cancel the instance"
          danger
          onSubmit={cancel}
          onClose={() => setAsking(false)}
        >
          <p>
            Everything that it waits for ends, in the instances that it has called too. Its history is kept.
            This cannot be undone.
          </p>
        </Dialog>
      )}
    </div>
  );
}
