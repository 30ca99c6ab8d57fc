/** Fields of a form, then variables with free names and types. */
import { EDITABLE } from "../core/values";
import type { Draft } from "./draft";

const NUMERIC = new Set(["Integer", "Long", "Short", "Double"]);

interface Props {
  drafts: readonly Draft[];
  onChange: (drafts: readonly Draft[]) => void;
}

export function VariablesForm({ drafts, onChange }: Props) {
  const replace = (index: number, change: Partial<Draft>): void =>
    onChange(drafts.map((draft, at) => (at === index ? { ...draft, ...change } : draft)));
  return (
    <div class="variables-form">
      {drafts.map((draft, index) =>
        draft.field ? (
          <FieldInput key={draft.name} draft={draft} onText={(text) => replace(index, { text })} />
        ) : (
          <div class="row" key={index}>
            <input
              aria-label="Variable name"
              placeholder="name"
              value={draft.name}
              onInput={(event) => replace(index, { name: event.currentTarget.value })}
            />
            <select
              aria-label={`Type of ${draft.name || "the variable"}`}
              value={draft.type}
              onChange={(event) => replace(index, retyped(event.currentTarget.value))}
            >
              {EDITABLE.map((type) => (
                <option key={type}>{type}</option>
              ))}
            </select>
            <ValueInput
              id={`value-${index}`}
              label={`Value of ${draft.name || "the variable"}`}
              type={draft.type}
              text={draft.text}
              onText={(text) => replace(index, { text })}
            />
            <button
              type="button"
              class="icon"
              title={`Leave ${draft.name || "this variable"} out`}
              onClick={() => onChange(drafts.filter((_, at) => at !== index))}
            >
              ×
            </button>
          </div>
        ),
      )}
      <button
        type="button"
        class="quiet"
        onClick={() => onChange([...drafts, { name: "", type: "String", text: "" }])}
      >
        + Add a variable
      </button>
    </div>
  );
}

function retyped(type: string): Partial<Draft> {
  if (type === "Boolean") return { type, text: "false" };
  return type === "Null" ? { type, text: "" } : { type };
}

function FieldInput({ draft, onText }: { draft: Draft; onText: (text: string) => void }) {
  const { field } = draft;
  if (!field) return null;
  const id = `field-${field.id}`;
  return (
    <div class="field">
      <label for={id}>
        {field.label}
        {field.required && <span class="muted"> (needed)</span>}
      </label>
      {field.choices.length > 0 ? (
        <select
          id={id}
          value={draft.text}
          disabled={field.readonly}
          onChange={(event) => onText(event.currentTarget.value)}
        >
          <option value="" />
          {field.choices.map((choice) => (
            <option key={choice.id} value={choice.id}>
              {choice.name}
            </option>
          ))}
        </select>
      ) : (
        <ValueInput id={id} type={draft.type} text={draft.text} disabled={field.readonly} onText={onText} />
      )}
    </div>
  );
}

interface ValueProps {
  id: string;
  type: string;
  text: string;
  label?: string;
  disabled?: boolean;
  onText: (text: string) => void;
}

/** The input that fits a type. */
export function ValueInput({ id, type, text, label, disabled = false, onText }: ValueProps) {
  const common = label === undefined ? { id, disabled } : { id, disabled, "aria-label": label };
  if (type === "Boolean") {
    return (
      <select {...common} value={text} onChange={(event) => onText(event.currentTarget.value)}>
        <option>true</option>
        <option>false</option>
      </select>
    );
  }
  if (type === "Json" || type === "Xml") {
    return (
      <textarea
        {...common}
        rows={4}
        spellcheck={false}
        value={text}
        onInput={(e) => onText(e.currentTarget.value)}
      />
    );
  }
  return (
    <input
      {...common}
      {...(type === "Date" ? { type: "datetime-local", step: 1 } : { type: "text" })}
      {...(NUMERIC.has(type) ? { inputMode: "decimal" } : {})}
      disabled={disabled || type === "Null"}
      value={text}
      onInput={(event) => onText(event.currentTarget.value)}
    />
  );
}
