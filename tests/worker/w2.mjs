// The stock client doing the tasks of the benchmark's second workload, set up to be quick.
//   node w2.mjs CLIENT_INDEX_JS BASE_URL TASKS TOPIC…
import { pathToFileURL } from "node:url";

const [library, baseUrl, maxTasks, ...topics] = process.argv.slice(2);
const { Client, Variables } = await import(pathToFileURL(library));
const client = new Client({ baseUrl, workerId: "w2-js", maxTasks: Number(maxTasks), interval: 0, asyncResponseTimeout: 10000, lockDuration: 60000 });
for (const topic of topics) {
  client.subscribe(topic, { variables: [] }, async ({ task, taskService }) => {
    await taskService.complete(task, new Variables().set(topic, "done"));
  });
}
process.on("SIGTERM", () => process.exit(0));
