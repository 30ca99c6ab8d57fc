/** Starts an instance: business key, the fields of the start form, and any other variables. */
import { useEffect, useState } from "preact/hooks";
import { startFieldsOf } from "../core/forms";
import type { Definition, Instance, Variable } from "../core/model";
import { title } from "../core/model";
import { path, send } from "../core/rest";
import { go, href } from "../core/router";
import { getVariableMap, getVariables } from "../core/variables";
import { modelOf } from "../diagram/xml";
import { Dialog } from "./Dialog";
import { copied, type Draft, draftsOf, variablesOf } from "./draft";
import { attempt, notify } from "./Notices";
import { VariablesForm } from "./VariablesForm";

export function StartDialog({ definition, onClose }: { definition: Definition; onClose: () => void }) {
  const [key, setKey] = useState("");
  const [drafts, setDrafts] = useState<readonly Draft[]>([]);
  const [hasForm, setHasForm] = useState(false);
  useEffect(() => {
    const load = async (): Promise<void> => {
      const fields = startFieldsOf(await modelOf(definition.id), definition.key);
      if (fields.length === 0) return;
      const where = path`/process-definition/${definition.id}/form-variables`;
      const values = await getVariableMap(where);
      setHasForm(true);
      setDrafts(draftsOf(fields, values));
    };
    void load().catch(() => setHasForm(false));
  }, [definition.id]);

  const start = async (): Promise<void> => {
    const variables = variablesOf(drafts);
    const where = hasForm
      ? path`/process-definition/${definition.id}/submit-form`
      : path`/process-definition/${definition.id}/start`;
    const made = await send<{ id: string }>("POST", where, { businessKey: key || undefined, variables });
    notify(`${title(definition)} was started.`);
    go(href(["process-instance", made.id]));
  };
  const likeLast = (): Promise<boolean> =>
    attempt("The variables of the latest instance are filled in.", async () => {
      const found = await lastVariables(definition.id);
      setDrafts((before) => [...before.filter((draft) => draft.field), ...copied(found)]);
    });
  return (
    <Dialog title={`Start ${title(definition)}`} action="Start" wide onSubmit={start} onClose={onClose}>
      <div class="field">
        <label for="business-key">Business key</label>
        <input
          id="business-key"
          placeholder="what your business calls it, such as order-17"
          value={key}
          onInput={(event) => setKey(event.currentTarget.value)}
        />
      </div>
      <VariablesForm drafts={drafts} onChange={setDrafts} />
      <button type="button" class="quiet" onClick={likeLast}>
        Use the variables of the latest instance
      </button>
    </Dialog>
  );
}

/** The first values of the variables with which the newest instance was started. */
async function lastVariables(definition: string): Promise<readonly Variable[]> {
  const query = { processDefinitionId: definition, sorting: [{ sortBy: "startTime", sortOrder: "desc" }] };
  const [last] = await send<Instance[]>("POST", "/history/process-instance", query, { maxResults: 1 });
  if (!last) return [];
  const where = {
    processInstanceId: last.id,
    initial: true,
    variableUpdates: true,
  };
  const found = await getVariables<Variable & { variableName: string; variableType: string }>(
    "/history/detail",
    where,
  );
  return found
    .filter((detail) => detail.activityInstanceId === last.id)
    .map((detail) => ({ ...detail, name: detail.variableName, type: detail.variableType }));
}
