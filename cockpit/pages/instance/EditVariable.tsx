import { useRef, useState } from "preact/hooks";
import type { Variable } from "../../core/model";
import { path, RestError, send, upload } from "../../core/rest";
import {
  EDITABLE,
  isBinary,
  isEditable,
  NotThatType,
  read,
  type TypedValue,
  written,
} from "../../core/values";
import { Dialog } from "../../ui/Dialog";
import { ValueInput } from "../../ui/VariablesForm";
import { scopeOf } from "./scopes";

interface Props {
  instance: string;
  /** Undefined: a new one. */
  variable: Variable | undefined;
  refresh: () => Promise<void>;
  onClose: () => void;
}

const TYPES = [...EDITABLE, "File"];

export function EditVariable({ instance, variable, refresh, onClose }: Props) {
  const [name, setName] = useState(variable?.name ?? "");
  const [type, setType] = useState(variable?.type ?? "String");
  const [text, setText] = useState(variable ? written(variable) : "");
  const file = useRef<HTMLInputElement>(null);
  const scope = variable
    ? scopeOf(variable)
    : scopeOf({ processInstanceId: instance, executionId: null, taskId: null });
  const retype = (to: string): void => {
    setType(to);
    if (to === "Boolean" && text !== "true") setText("false");
  };
  const save = async (): Promise<void> => {
    const where = scope + path`/${name.trim()}`;
    if (name.trim() === "") throw new RestError(400, "Input", "The variable needs a name.");
    if (isBinary(type)) await upload(`${where}/data`, fileForm(type, file.current?.files?.[0]));
    else await send("PUT", where, typed(type, text, variable));
    await refresh();
  };
  return (
    <Dialog
      title={variable ? `Change ${variable.name}` : "Add a variable"}
      action="Save"
      wide
      onSubmit={save}
      onClose={onClose}
    >
      {!variable && (
        <div class="field">
          <label for="variable-name">Name</label>
          <input id="variable-name" value={name} onInput={(event) => setName(event.currentTarget.value)} />
        </div>
      )}
      <div class="field">
        <label for="variable-type">Type</label>
        <select id="variable-type" value={type} onChange={(event) => retype(event.currentTarget.value)}>
          {[...new Set([...TYPES, type])].map((known) => (
            <option key={known}>{known}</option>
          ))}
        </select>
      </div>
      <div class="field">
        <label for="variable-value">Value</label>
        {isBinary(type) ? (
          <input id="variable-value" type="file" ref={file} />
        ) : (
          <ValueInput
            id="variable-value"
            type={type === "Object" ? "Json" : type}
            text={text}
            onText={setText}
          />
        )}
      </div>
    </Dialog>
  );
}

function fileForm(type: string, file: File | undefined): FormData {
  if (!file) throw new RestError(400, "Input", "Choose a file.");
  const form = new FormData();
  form.append("data", file);
  form.append("valueType", type);
  return form;
}

/** The typed value; a serialized object keeps what says how to read it. */
function typed(type: string, text: string, before: Variable | undefined): TypedValue {
  if (!isEditable(type) && before?.valueInfo) return { type, value: text, valueInfo: before.valueInfo };
  try {
    return read(type, text);
  } catch (error) {
    if (error instanceof NotThatType) throw new RestError(400, "Input", error.message);
    throw error;
  }
}

export function RemoveVariable({
  variable,
  refresh,
  onClose,
}: Pick<Props, "refresh" | "onClose"> & { variable: Variable }) {
  const remove = async (): Promise<void> => {
    await send("DELETE", scopeOf(variable) + path`/${variable.name}`);
    await refresh();
  };
  return (
    <Dialog title={`Remove ${variable.name}?`} action="Remove" danger onSubmit={remove} onClose={onClose}>
      <p>Expressions that read it will fail from now on.</p>
    </Dialog>
  );
}
