// Reads requests, runs checks, answers: `remote.py` says how. Arguments: address of the REST API, folder of models, the
// client's main file, then the files that have checks. A check is an exported function of a rig.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const [url, models, main, ...files] = process.argv.slice(2);
const PATIENCE_MS = 30_000;

/** What a check needs: the client, models and instances, and the server's own view, past the client under test. */
const rig = {
  url,
  js: await import(pathToFileURL(main)),
  unique: (word) => word + randomUUID().replaceAll("-", "").slice(0, 12),

  async ask(method, path, body, headers = { "Content-Type": "application/json" }) {
    const answer = await fetch(url + path, { method, headers, body });
    const text = await answer.text();
    assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`);
    return text ? JSON.parse(text) : null;
  },
  get: (path) => rig.ask("GET", path, undefined, {}),
  post: (path, body) => rig.ask("POST", path, JSON.stringify(body)),

  /** Deploys the model `work` under this key; returns the definition's id. */
  async deploy(key, tenant) {
    const form = new FormData();
    form.set("deployment-name", key);
    if (tenant) form.set("tenant-id", tenant);
    form.set("model", new Blob([readFileSync(join(models, "work.bpmn"), "utf8").replaceAll("KEY", key)]), "work.bpmn");
    const made = await rig.ask("POST", "/deployment/create", form, {});
    return Object.keys(made.deployedProcessDefinitions)[0];
  },
  async start(definition, topic, businessKey, variables = {}) {
    const body = { businessKey, variables: { ...variables, topic: { value: topic } } };
    return (await rig.post(`/process-definition/${definition}/start`, body)).id;
  },
  /** A definition, an instance of it, and the topic of its task, which nobody else works. */
  async work(variables) {
    const [key, topic] = [rig.unique("work"), rig.unique("topic")];
    const definition = await rig.deploy(key);
    return { key, definition, topic, instance: await rig.start(definition, topic, "bk", variables) };
  },
  task: async (instance) => (await rig.get(`/external-task?processInstanceId=${instance}`))[0],
  /** The end event that an instance has reached; null while it runs. */
  async ended(instance) {
    if ((await rig.get(`/history/process-instance/${instance}`)).endTime === null) return null;
    const query = `processInstanceId=${instance}&activityType=noneEndEvent`;
    return (await rig.get(`/history/activity-instance?${query}`))[0].activityId;
  },
  async variable(instance, name) {
    const query = `processInstanceId=${instance}&variableName=${name}&deserializeValues=false`;
    return (await rig.get(`/history/variable-instance?${query}`))[0];
  },
  /** It does not poll while it works on a task: what is unlocked then would be its own again. */
  client: (options) =>
    new rig.js.Client({ baseUrl: url, workerId: "js", interval: 10, maxParallelExecutions: 1, ...options }),

  /** Runs a client until it has handled `count` tasks of a topic; returns the tasks. Errors of the handler are thrown. */
  async some(count, topic, options, clientOptions, handler) {
    const client = rig.client({ asyncResponseTimeout: 200, ...clientOptions });
    const tasks = [];
    try {
      await new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`no ${count} tasks of ${topic}`)), PATIENCE_MS);
        const done = (error) => (clearTimeout(timer), error ? reject(error) : resolve());
        client.on("poll:error", done);
        client.subscribe(topic, options, ({ task, taskService }) =>
          Promise.resolve(handler(task, taskService, tasks.length)).then(() => tasks.push(task) >= count && done(), done),
        );
      });
    } finally {
      client.stop();
    }
    return tasks;
  },
  one: async (topic, handler, options = {}) => (await rig.some(1, topic, options, {}, handler))[0],
};

const checks = new Map();
for (const file of files) {
  const found = await import(pathToFileURL(file));
  for (const [name, check] of Object.entries(found)) {
    checks.set(`${basename(file, ".mjs")}:${name.replace(/^check_/, "")}`, check);
  }
}
for await (const line of createInterface({ input: process.stdin })) {
  const failure = await checks
    .get(JSON.parse(line).check)(rig)
    .then(() => null, (error) => error.stack);
  console.log(`@answer ${JSON.stringify({ failure })}`);
}
process.exit(0);
