/** Data that stays current: loaded, shown, and loaded again while somebody looks. */
import { useEffect, useRef, useState } from "preact/hooks";
import { RestError } from "./rest";

export const EVERY_MS = 2_000;
/** A slow answer is asked for less often: polling takes at most a tenth of the server's time for this page. */
const IDLE_SHARE = 10;

export interface Live<T> {
  /** What was loaded last; it stays while it is loaded again, and when that fails. */
  data: T | undefined;
  error: RestError | undefined;
  /** Loads now, for example after a change. */
  refresh: () => Promise<void>;
}

type Load<T> = (abort: AbortSignal) => Promise<T>;

/** How long to wait after an answer that took `tookMs`. */
export function pause(tookMs: number, everyMs = EVERY_MS): number {
  return Math.max(everyMs, IDLE_SHARE * tookMs);
}

/** Loads over and over while the document is visible. One at a time; `changed` hears of differences only. */
export class Poller<T> {
  #timer: ReturnType<typeof setTimeout> | undefined;
  #abort = new AbortController();
  #running: Promise<void> | undefined;
  #text = "";
  #ended = false;

  constructor(
    private readonly load: Load<T>,
    private readonly changed: (data: T | undefined, error: RestError | undefined) => void,
    private readonly again: (data: T) => boolean = () => true,
  ) {}

  start(): void {
    document.addEventListener("visibilitychange", this.#seen);
    void this.#round();
  }

  stop(): void {
    this.#ended = true;
    this.#abort.abort();
    clearTimeout(this.#timer);
    document.removeEventListener("visibilitychange", this.#seen);
  }

  /** Loads what is true now: an answer that is under way may be older than the change. */
  async refresh(): Promise<void> {
    await this.#running;
    await this.#round();
  }

  readonly #seen = (): void => {
    if (document.visibilityState === "visible" && !this.#running && this.#timer === undefined)
      void this.#round();
  };

  #round(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#running ??= this.#ask().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #ask(): Promise<void> {
    const begun = performance.now();
    let more = true;
    try {
      const data = await this.load(this.#abort.signal);
      more = this.again(data);
      this.#tell(data);
    } catch (error) {
      if (this.#ended) return;
      this.#text = "";
      const problem = known(error);
      // What is not there does not come back.
      more = problem.status !== 404;
      this.changed(undefined, problem);
    }
    if (more && !this.#ended) this.#later(pause(performance.now() - begun));
  }

  #tell(data: T): void {
    const text = JSON.stringify(data);
    if (this.#ended || text === this.#text) return;
    this.#text = text;
    this.changed(data, undefined);
  }

  #later(ms: number): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (document.visibilityState === "visible") void this.#round();
    }, ms);
  }
}

/** An error as one of the REST API; a defect of the page itself is thrown on. */
export function known(error: unknown): RestError {
  if (error instanceof RestError) return error;
  throw error;
}

/**
 * Live data of a component. It is loaded anew when one of `keys` changes, and what was there before stays until then,
 * unless `keys[0]` (what the page is about) has changed. `again`: whether it can still change.
 */
export function useLive<T>(load: Load<T>, keys: readonly unknown[], again?: (data: T) => boolean): Live<T> {
  const [state, setState] = useState<{ of: unknown; data: T | undefined; error: RestError | undefined }>({
    of: keys[0],
    data: undefined,
    error: undefined,
  });
  const poller = useRef<Poller<T> | undefined>(undefined);
  useEffect(() => {
    const current = new Poller<T>(
      load,
      (data, error) =>
        setState((before) => ({
          of: keys[0],
          data: data ?? (before.of === keys[0] ? before.data : undefined),
          error,
        })),
      again,
    );
    poller.current = current;
    current.start();
    return () => current.stop();
  }, keys);
  const same = state.of === keys[0];
  return {
    data: same ? state.data : undefined,
    error: same ? state.error : undefined,
    refresh: async () => poller.current?.refresh(),
  };
}
