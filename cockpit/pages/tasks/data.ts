import type { Task } from "../../core/model";
import { type Page, paged, window } from "../../core/paging";
import { get, path } from "../../core/rest";
import type { TypedValue } from "../../core/values";
import { getVariableMap } from "../../core/variables";

export const FILTERS = {
  all: "All",
  mine: "Mine",
  unassigned: "Unassigned",
} as const;

export type FilterName = keyof typeof FILTERS;

export function filterNamed(text: string | undefined): FilterName {
  return text !== undefined && Object.hasOwn(FILTERS, text) ? (text as FilterName) : "all";
}

export async function loadTasks(
  filter: FilterName,
  user: string,
  number: number,
  abort: AbortSignal,
): Promise<Page<Task>> {
  const whose = { all: {}, mine: { assignee: user }, unassigned: { unassigned: true } }[filter];
  const query = { sortBy: "created", sortOrder: "desc", ...whose, ...window(number) };
  return paged(await get<Task[]>("/task", query, abort));
}

export function loadTask(id: string, abort: AbortSignal): Promise<Task> {
  return get(path`/task/${id}`, {}, abort);
}

/** The values that a form starts with: the task's fields, and every variable that it sees. */
export function formVariables(id: string): Promise<Record<string, TypedValue>> {
  return getVariableMap(path`/task/${id}/form-variables`);
}
