/** Gives retries to everything of a definition that has failed: how much that is, why it failed, and how quickly. */
import { useEffect, useState } from "preact/hooks";
import type { Definition } from "../../core/model";
import { title } from "../../core/model";
import { RestError, sendOwn } from "../../core/rest";
import { Dialog } from "../../ui/Dialog";
import { notify } from "../../ui/Notices";
import { Loading } from "../../ui/show";

interface Props {
  definition: Pick<Definition, "id" | "key" | "name" | "version">;
  /** Of one activity only; empty: of any. */
  activity: string;
  onClose: () => void;
}

/** `POST /penstock/v1/reprocessing/dry-run` */
interface Look {
  count: number;
  grouped: number;
  groups: { activityId: string | null; topicName: string | null; error: string | null; count: number }[];
}

const GROUPS = 5;
const PAUSE_MS = 250;

export function RetryDialog({ definition, activity, onClose }: Props) {
  const [error, setError] = useState("");
  const [rate, setRate] = useState("");
  const [look, setLook] = useState<Look>();
  const filter = {
    processDefinitionId: definition.id,
    activityId: activity || undefined,
    errorMessage: error || undefined,
  };
  const asked = JSON.stringify(filter);
  useEffect(() => {
    const abort = new AbortController();
    const body = { filter: JSON.parse(asked) as unknown, maxGroups: GROUPS };
    const load = (): Promise<void> =>
      sendOwn<Look>("POST", "/reprocessing/dry-run", body, abort.signal).then(setLook, () =>
        setLook(undefined),
      );
    const wait = setTimeout(load, PAUSE_MS);
    return () => {
      clearTimeout(wait);
      abort.abort();
    };
  }, [asked]);

  const start = async (): Promise<void> => {
    const ratePerSecond = rate.trim() === "" ? undefined : Number(rate);
    if (ratePerSecond !== undefined && !Number.isFinite(ratePerSecond))
      throw new RestError(400, "BadRequest", "At most per second: write a number, such as 100.");
    const made = await sendOwn<{ total: number } | undefined>("POST", "/reprocessing", {
      filter,
      ratePerSecond,
    });
    notify(made ? `${made.total.toLocaleString("en")} are tried again.` : "Nothing has failed that fits.");
  };
  return (
    <Dialog
      title={`Try again what failed in ${title(definition)}`}
      action="Try again"
      wide
      onSubmit={start}
      onClose={onClose}
    >
      <div class="field">
        <label for="retry-error">The error contains</label>
        <input id="retry-error" value={error} onInput={(event) => setError(event.currentTarget.value)} />
      </div>
      <div class="field">
        <label for="retry-rate">At most per second</label>
        <input
          id="retry-rate"
          inputMode="decimal"
          placeholder="as fast as can be"
          value={rate}
          onInput={(event) => setRate(event.currentTarget.value)}
        />
      </div>
      {look ? <Found look={look} /> : <Loading />}
    </Dialog>
  );
}

function Found({ look }: { look: Look }) {
  const more = look.count - look.grouped;
  return (
    <div role="status">
      <p>
        <strong>{look.count.toLocaleString("en")}</strong> would be tried again, once each.
      </p>
      <ul>
        {look.groups.map((group) => (
          <li key={`${group.activityId} ${group.topicName} ${group.error}`}>
            {group.count.toLocaleString("en")} × {group.error ?? "no message"}{" "}
            <span class="muted">{group.topicName ?? group.activityId}</span>
          </li>
        ))}
      </ul>
      {more > 0 && <p class="muted">{more.toLocaleString("en")} more are in smaller groups.</p>}
    </div>
  );
}
