import type { Variable } from "../../core/model";
import { path } from "../../core/rest";

/** The address below which a variable is set: its instance, its execution, or its task. */
export function scopeOf(variable: Pick<Variable, "processInstanceId" | "executionId" | "taskId">): string {
  const { processInstanceId, executionId, taskId } = variable;
  if (taskId) return path`/task/${taskId}/localVariables`;
  if (executionId && executionId !== processInstanceId) return path`/execution/${executionId}/localVariables`;
  return path`/process-instance/${processInstanceId}/variables`;
}
