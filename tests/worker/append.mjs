// The stock client, used as most people would: read the whole document, append, write the whole document.
//   node append.mjs CLIENT_INDEX_JS BASE_URL TOPIC BRANCHES
// All handlers wait until BRANCHES tasks are there, and write at the same moment. Their entries are alike on purpose.
import { pathToFileURL } from "node:url";

const [library, baseUrl, topic, branches] = process.argv.slice(2);
const { Client, Variables } = await import(pathToFileURL(library));
const client = new Client({ baseUrl, workerId: "stock-js", maxTasks: Number(branches), interval: 20, asyncResponseTimeout: 5000, lockDuration: 20000 });

let arrived = 0;
let release;
const everybody = new Promise((resolve) => { release = resolve; });

client.subscribe(topic, async ({ task, taskService }) => {
  const results = task.variables.get("ProcessTaskResults") ?? {
    correlationId: task.businessKey,
    processMetadata: { processInstanceId: task.processInstanceId },
    taskResults: [],
  };
  if (++arrived === Number(branches)) release();
  await everybody;
  const entry = { data: { ok: true }, startTime: "2026-01-01T00:00:00.000Z", endTime: "2026-01-01T00:00:01.000Z", taskId: task.activityId };
  const variables = new Variables().set("ProcessTaskResults", { ...results, taskResults: [...results.taskResults, entry] });
  await taskService.complete(task, variables);
});
process.on("SIGTERM", () => process.exit(0));
