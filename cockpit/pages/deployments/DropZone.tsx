import { useState } from "preact/hooks";
import { known } from "../../core/live";
import type { RestError } from "../../core/rest";
import { change } from "../../core/router";
import { notify } from "../../ui/Notices";
import { Problem } from "../../ui/show";
import { deploy } from "./data";

/** A place to drop BPMN files on; a click or Enter opens the chooser. */
export function DropZone({ refresh }: { refresh: () => Promise<void> }) {
  const [over, setOver] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<RestError>();
  const take = async (files: readonly File[]): Promise<void> => {
    if (files.length === 0) return;
    setBusy(true);
    setError(undefined);
    try {
      const made = await deploy(files);
      const count = Object.keys(made.deployedProcessDefinitions ?? {}).length;
      notify(count === 0 ? "Nothing has changed: these are deployed already." : deployed(count));
      change({ id: made.id });
      await refresh();
    } catch (problem) {
      setError(known(problem));
    } finally {
      setBusy(false);
    }
  };
  const drop = (event: DragEvent): void => {
    event.preventDefault();
    setOver(false);
    void take([...(event.dataTransfer?.files ?? [])]);
  };
  return (
    <>
      <label
        class={over ? "drop over" : "drop"}
        onDragOver={(event) => {
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={drop}
      >
        <input
          type="file"
          class="hidden"
          multiple
          accept=".bpmn,.bpmn20.xml,.xml,.dmn,.form,.html,.js"
          disabled={busy}
          onChange={(event) => {
            const input = event.currentTarget;
            void take([...(input.files ?? [])]).then(() => {
              input.value = "";
            });
          }}
        />
        <strong>{busy ? "Deploying …" : "Drop BPMN files here"}</strong>
        <span class="muted">or choose them; files that are dropped together become one deployment</span>
      </label>
      <Problem error={error} />
    </>
  );
}

function deployed(count: number): string {
  return count === 1 ? "One process was deployed." : `${count} processes were deployed.`;
}
