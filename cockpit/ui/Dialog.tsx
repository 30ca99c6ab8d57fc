/** A modal question. The browser keeps the focus inside and closes it with Escape. */
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { known } from "../core/live";
import type { RestError } from "../core/rest";
import { Problem } from "./show";

interface Props {
  title: string;
  /** The word on the button that does it. */
  action: string;
  danger?: boolean;
  wide?: boolean;
  /** Does it; the dialog closes when that succeeded and shows the error when not. */
  onSubmit: () => Promise<void>;
  onClose: () => void;
  children: ComponentChildren;
}

export function Dialog({ title, action, danger, wide, onSubmit, onClose, children }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<RestError>();
  useEffect(() => dialog.current?.showModal(), []);
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    try {
      await onSubmit();
      dialog.current?.close();
    } catch (refused) {
      setError(known(refused));
    } finally {
      setBusy(false);
    }
  };
  return (
    <dialog ref={dialog} class={wide ? "wide" : ""} aria-labelledby="dialog-title" onClose={onClose}>
      <form onSubmit={submit} noValidate>
        <h2 id="dialog-title">{title}</h2>
        {children}
        <Problem error={error} />
        <footer>
          <button type="button" onClick={() => dialog.current?.close()}>
            Back
          </button>
          <button type="submit" class={danger ? "danger" : "primary"} disabled={busy}>
            {action}
          </button>
        </footer>
      </form>
    </dialog>
  );
}
