/** The public REST API: requests below `engine-rest` and `penstock/v1`, and their errors in clear words. */
import { signal } from "@preact/signals";

/** What the last request showed: the server answers, or it does not. */
export const connected = signal(true);

const REST = "engine-rest";
const OWN = "penstock/v1";

export type Query = Record<string, string | number | boolean | undefined>;
type Method = "GET" | "POST" | "PUT" | "DELETE";

/** A finding of the parser, as `ParseException` carries it. */
export interface Finding {
  message: string;
  line: number;
  column: number;
}

interface Problem {
  type?: string;
  message?: string;
  /** Problem details (RFC 9457) say here what Camunda says in `message`. */
  detail?: string;
  details?: Record<string, { errors: Finding[]; warnings: Finding[] }>;
}

/** A request that was refused (`status` as HTTP has it) or not answered (`status` 0). */
export class RestError extends Error {
  constructor(
    readonly status: number,
    readonly type: string,
    message: string,
    readonly findings: readonly Finding[] = [],
  ) {
    super(message);
  }

  /** What the reader can do about it. */
  get advice(): string {
    if (this.status === 0) return "Is the server still running? This page tries again by itself.";
    if (this.status === 404)
      return "It may have been removed after its time to live, or the address is wrong.";
    if (this.status === 413) return "Send less at once, or raise the server's limit for payloads.";
    if (this.status === 503)
      return "The server has more work than it can do now. This page tries again by itself.";
    if (this.type === "OptimisticLockingException") return "Somebody changed it at the same time. Try again.";
    if (this.type === "InternalError") return "This is a defect of the server; its log has the details.";
    return "";
  }
}

/** The address of a path below `engine-rest`; undefined parameters are left out. */
export function address(path: string, query: Query = {}): string {
  const pairs = Object.entries(query).filter(([, value]) => value !== undefined && value !== "");
  const text = new URLSearchParams(pairs.map(([name, value]) => [name, String(value)])).toString();
  return `${REST}${path}${text ? `?${text}` : ""}`;
}

/** A path whose parts are encoded: ``path`/task/${id}` ``. */
export function path(parts: TemplateStringsArray, ...values: readonly string[]): string {
  return String.raw({ raw: parts }, ...values.map(encodeURIComponent));
}

export async function get<T>(where: string, query?: Query, abort?: AbortSignal): Promise<T> {
  return parse<T>(await (await request("GET", address(where, query), undefined, abort)).text());
}

/** GET of plain text, such as a stack trace. */
export async function getText(where: string): Promise<string> {
  return (await request("GET", address(where), undefined)).text();
}

/** A request with a JSON body; undefined when the answer has none. */
export async function send<T = undefined>(
  method: Exclude<Method, "GET">,
  where: string,
  body?: unknown,
  query?: Query,
  abort?: AbortSignal,
): Promise<T> {
  const content = body === undefined ? undefined : JSON.stringify(body);
  const text = await (await request(method, address(where, query), content, abort)).text();
  return (text ? parse(text) : undefined) as T;
}

/** As `send`, to what Penstock has beyond Camunda (`/penstock/v1`). */
export async function sendOwn<T>(
  method: Exclude<Method, "GET">,
  where: string,
  body: unknown,
  abort?: AbortSignal,
): Promise<T> {
  const text = await (await request(method, `${OWN}${where}`, JSON.stringify(body), abort)).text();
  return (text ? parse(text) : undefined) as T;
}

/** POST of `multipart/form-data`. */
export async function upload<T = undefined>(where: string, form: FormData): Promise<T> {
  const text = await (await request("POST", address(where), form)).text();
  return (text ? parse(text) : undefined) as T;
}

async function request(
  method: Method,
  where: string,
  body: string | FormData | undefined,
  abort?: AbortSignal,
): Promise<Response> {
  const headers: Record<string, string> = { accept: "application/json, text/plain, */*" };
  if (typeof body === "string") headers["content-type"] = "application/json";
  const init: RequestInit = { method, headers, credentials: "same-origin", cache: "no-store" };
  if (body !== undefined) init.body = body;
  if (abort) init.signal = abort;
  const response = await fetch(where, init).catch((error: unknown) => {
    if (abort?.aborted) throw error;
    connected.value = false;
    throw new RestError(0, "NoAnswer", "The server does not answer.");
  });
  connected.value = true;
  if (!response.ok) throw refusal(response.status, await response.text());
  return response;
}

/** The error of an answer's body, which is Camunda's `{type, message}` or, from something in between, anything. */
export function refusal(status: number, body: string): RestError {
  let problem: Problem = {};
  try {
    problem = JSON.parse(body) as Problem;
  } catch {
    problem = { message: body.slice(0, 300) };
  }
  const findings = Object.values(problem.details ?? {}).flatMap((found) => found.errors);
  return new RestError(
    status,
    problem.type ?? "HTTP",
    problem.message || problem.detail || `The server answered ${status} without a reason.`,
    findings,
  );
}

/** JSON in which an integer beyond 2^53 stays what was sent, as text: a Long must not change by being looked at. */
export function parse<T>(text: string): T {
  const exact = (_key: string, value: unknown, context?: { source?: string }): unknown =>
    typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source ?? "")
      ? context?.source
      : value;
  return JSON.parse(text, exact as (key: string, value: unknown) => unknown) as T;
}
