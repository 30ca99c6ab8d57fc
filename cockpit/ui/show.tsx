/** Small things that pages show. */
import type { ComponentChildren } from "preact";
import type { InstanceState } from "../core/model";
import type { RestError } from "../core/rest";
import { change } from "../core/router";
import { absolute, duration, now, relative } from "../core/time";

/** A moment, relative; the whole of it as its title. */
export function Time({ at }: { at: string | null }) {
  if (!at) return <span class="muted">–</span>;
  const ms = Date.parse(at);
  return (
    <time dateTime={new Date(ms).toISOString()} title={absolute(ms)}>
      {relative(ms, now.value)}
    </time>
  );
}

export function Took({ ms }: { ms: number | null }) {
  return ms === null ? <span class="muted">–</span> : <span title={`${ms} ms`}>{duration(ms)}</span>;
}

/** An id, shortened to its end, which differs most; the whole of it as its title. */
export function Id({ id }: { id: string }) {
  return (
    <code class="id" title={id}>
      {id.length > 14 ? `…${id.slice(-12)}` : id}
    </code>
  );
}

const STATES: Record<InstanceState, readonly [string, string]> = {
  ACTIVE: ["Running", "running"],
  SUSPENDED: ["Suspended", "waiting"],
  COMPLETED: ["Completed", "done"],
  EXTERNALLY_TERMINATED: ["Canceled", "ended"],
  INTERNALLY_TERMINATED: ["Terminated", "ended"],
};

export function State({ of, incidents = 0 }: { of: InstanceState; incidents?: number }) {
  const [text, tone] = incidents > 0 ? (["Incident", "incident"] as const) : STATES[of];
  return <span class={`state ${tone}`}>{text}</span>;
}

/** What went wrong, and what to do. */
export function Problem({ error, children }: { error: RestError | undefined; children?: ComponentChildren }) {
  if (!error) return null;
  return (
    <div class="problem" role="alert">
      <p>
        <strong>{error.message}</strong> {error.advice}
      </p>
      {error.findings.length > 0 && (
        <ul>
          {error.findings.map((finding) => (
            <li key={`${finding.line}:${finding.column}:${finding.message}`}>
              {finding.line > 0 && (
                <span class="muted">
                  Line {finding.line}, column {finding.column}:{" "}
                </span>
              )}
              {finding.message}
            </li>
          ))}
        </ul>
      )}
      {children}
    </div>
  );
}

export function Empty({ children }: { children: ComponentChildren }) {
  return <p class="empty">{children}</p>;
}

export function Loading() {
  return (
    <p class="empty loading" aria-busy="true">
      Loading …
    </p>
  );
}

/** Back and forth through a list whose length nobody counts. */
export function Pager({ number, more, name = "page" }: { number: number; more: boolean; name?: string }) {
  if (number === 1 && !more) return null;
  return (
    <nav class="pager" aria-label="Pages">
      <button type="button" disabled={number === 1} onClick={() => change({ [name]: number - 1 })}>
        ← Newer
      </button>
      <span>Page {number}</span>
      <button type="button" disabled={!more} onClick={() => change({ [name]: number + 1 })}>
        Older →
      </button>
    </nav>
  );
}
