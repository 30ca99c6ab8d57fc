// camunda-external-task-client-js 3.1.0: every call of its task service, its filters, values and files.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const complete = (task, service) => service.complete(task);
const values = (rig, all) => new rig.js.Variables().setAll(all);

export const check_everythingAboutATask = async (rig) => {
  const work = await rig.work({ amount: { value: 12 } });
  const task = await rig.one(work.topic, complete);
  const { variables, ...fields } = task;
  assert.deepEqual(variables.getAll(), { amount: 12, inside: "only here", topic: work.topic });
  assert.equal(fields.processInstanceId, work.instance);
  assert.equal(fields.processDefinitionId, work.definition);
  assert.equal(fields.processDefinitionVersionTag, `1.2-${work.key}`);
  assert.equal(fields.businessKey, "bk");
  assert.deepEqual(
    [fields.activityId, fields.workerId, fields.retries, fields.priority, fields.tenantId, fields.suspended],
    ["Work", "js", null, 7, null, false],
  );
  assert.equal(await rig.ended(work.instance), "Done");
};

export const check_complete = async (rig) => {
  const work = await rig.work();
  await rig.one(work.topic, (task, service) =>
    service.complete(task, values(rig, { answer: 42 }), values(rig, { given: "local" })),
  );
  assert.equal((await rig.variable(work.instance, "answer")).value, 42);
  assert.equal((await rig.variable(work.instance, "taken")).value, "local");
};

export const check_handleFailure = async (rig) => {
  const work = await rig.work();
  const tasks = await rig.some(2, work.topic, {}, {}, (task, service, before) =>
    service.handleFailure(task, {
      errorMessage: before ? "second" : "first",
      errorDetails: "at line 1",
      retries: before ? 0 : 1,
      retryTimeout: 0,
    }),
  );
  assert.deepEqual([tasks[1].retries, tasks[1].errorMessage, tasks[1].errorDetails], [1, "first", "at line 1"]);
  const [incident] = await rig.get(`/incident?processInstanceId=${work.instance}`);
  assert.equal(incident.incidentMessage, "second");
};

export const check_handleBpmnError = async (rig) => {
  const work = await rig.work();
  await rig.one(work.topic, (task, service) =>
    service.handleBpmnError(task, "REFUSED", "not today", values(rig, { why: "rain" })),
  );
  assert.equal(await rig.ended(work.instance), "Refused");
  assert.equal((await rig.variable(work.instance, "why")).value, "rain");
  assert.equal((await rig.variable(work.instance, "reason")).value, "not today");
};

export const check_locks = async (rig) => {
  const work = await rig.work();
  const until = async () => Date.parse((await rig.task(work.instance)).lockExpirationTime.replace("+0000", "Z"));
  await rig.one(work.topic, async (task, service) => {
    const first = await until();
    await service.extendLock(task, 7_200_000);
    assert.ok((await until()) - first > 6_000_000);
    await service.unlock(task);
    assert.equal((await rig.task(work.instance)).workerId, null);
    await service.lock(task, 3_600_000);
    assert.equal((await rig.task(work.instance)).workerId, "js");
    await service.extendLock(task.id, 60_000);
  });
};

export const check_refusals = async (rig) => {
  const work = await rig.work();
  await rig.one(work.topic, async (task, service) => {
    const unknown = await service.complete("nope").catch((error) => error);
    assert.deepEqual([unknown.httpStatusCode, unknown.type, unknown.code], [404, "RestException", 0]);
    assert.match(unknown.engineMsg, /nope/);
  });
  await rig.some(1, (await rig.work()).topic, {}, { workerId: "other" }, async (task, service) => {
    const wrong = await service.complete((await rig.task(work.instance)).id).catch((error) => error);
    assert.deepEqual([wrong.httpStatusCode, wrong.type], [400, "RestException"]);
  });
};

// -- filters: one task fits, another, older one does not

const only = async (rig, topic, instance, options) => {
  const tasks = await rig.some(1, topic, options, {}, complete);
  assert.deepEqual(tasks.map((task) => task.processInstanceId), [instance]);
  return tasks[0];
};

export const check_filters = async (rig) => {
  const other = await rig.deploy(rig.unique("work"));
  const filters = [
    () => ({ businessKey: "mine" }),
    ({ definition }) => ({ processDefinitionId: definition }),
    ({ definition }) => ({ processDefinitionIdIn: [definition] }),
    ({ key }) => ({ processDefinitionKey: key }),
    ({ key }) => ({ processDefinitionKeyIn: [key, "another"] }),
    ({ key }) => ({ processDefinitionVersionTag: `1.2-${key}` }),
    () => ({ processVariables: { country: "CH" } }),
    ({ tenant }) => ({ tenantIdIn: [tenant] }),
  ];
  for (const filter of filters) {
    const [key, tenant] = [rig.unique("work"), rig.unique("tenant")];
    // A stopped client's last poll goes on for a moment, so each has a topic of its own.
    const topic = rig.unique("topic");
    await rig.start(other, topic, "other", { country: { value: "AT" } });
    const definition = await rig.deploy(key, tenant);
    const mine = await rig.start(definition, topic, "mine", { country: { value: "CH" } });
    await only(rig, topic, mine, filter({ definition, key, tenant }));
  }
  const topic = rig.unique("topic");
  await rig.start(await rig.deploy(rig.unique("work"), rig.unique("tenant")), topic);
  await only(rig, topic, await rig.start(other, topic), { withoutTenantId: true });
};

export const check_whatATaskBrings = async (rig) => {
  const work = await rig.work({ one: { value: 1 }, two: { value: 2 } });
  const tasks = await rig.some(1, work.topic, { variables: ["one"], includeExtensionProperties: true }, {}, complete);
  assert.deepEqual(tasks[0].variables.getAll(), { one: 1 });
  assert.deepEqual(tasks[0].extensionProperties, { unit: "kg" });
  const local = await rig.work({ one: { value: 1 } });
  const task = await rig.one(local.topic, complete, { localVariables: true });
  assert.deepEqual(task.variables.getAll(), { inside: "only here" });
};

export const check_sorting = async (rig) => {
  const work = await rig.work();
  const instances = [work.instance, await rig.start(work.definition, work.topic)];
  const { SortBy, SortOrder } = rig.js.Client;
  const sorting = [{ sortBy: SortBy.CreateTime, sortOrder: SortOrder.DESC }];
  const tasks = await rig.some(2, work.topic, {}, { sorting, usePriority: false, maxTasks: 1 }, complete);
  assert.deepEqual(tasks.map((task) => task.processInstanceId), instances.reverse());
};

export const check_interceptors = async (rig) => {
  const work = await rig.work();
  const interceptors = new rig.js.BasicAuthInterceptor({ username: "demo", password: "demo" });
  await rig.some(1, work.topic, {}, { interceptors }, complete);
  assert.equal(await rig.ended(work.instance), "Done");
};

// -- values: set with one client, fetched again

const roundtrip = async (rig, set) => {
  const work = await rig.work();
  const variables = new rig.js.Variables();
  set(variables);
  await rig.one(work.topic, async (task) => {
    // The client has no call that sets variables without an end of the task: this is what it would send.
    const modifications = variables.getDirtyVariables();
    await rig.post(`/process-instance/${work.instance}/variables`, { modifications });
    await rig.post(`/external-task/${task.id}/unlock`);
  });
  return (await rig.one(work.topic, complete)).variables;
};

export const check_values = async (rig) => {
  const when = new Date("2024-02-29T11:00:00.123Z");
  const all = {
    integer: 2147483647,
    long: 2147483648,
    double: 1e-7,
    boolean: false,
    string: "ünï\n 漢 🙂",
    date: when,
    json: { a: [1, null, "ü"] },
    nothing: null,
  };
  const seen = await roundtrip(rig, (variables) => variables.setAll(all));
  for (const [name, value] of Object.entries(all)) assert.deepEqual(seen.get(name), value, name);
  const types = Object.fromEntries(Object.keys(all).map((name) => [name, seen.getTyped(name).type]));
  const { nothing, ...rest } = types;
  assert.deepEqual([nothing, Object.keys(rest)], ["null", Object.values(rest)]);
};

export const check_typedValues = async (rig) => {
  const seen = await roundtrip(rig, (variables) =>
    variables
      .setTyped("short", { type: "short", value: 5, valueInfo: {} })
      .setTyped("xml", { type: "Xml", value: "<a/>", valueInfo: {} })
      .setTyped("bytes", { type: "bytes", value: "aGVsbG8=", valueInfo: {} }),
  );
  assert.deepEqual(
    ["short", "xml", "bytes"].map((name) => [seen.getTyped(name).type, seen.get(name)]),
    [["short", 5], ["xml", "<a/>"], ["bytes", "aGVsbG8="]],
  );
};

export const check_transientValuesAreNotKept = async (rig) => {
  const work = await rig.work();
  await rig.one(work.topic, (task, service) =>
    service.complete(task, values(rig, { kept: 1 }).setTransient("gone", "x"), values(rig, { given: 1 })),
  );
  assert.equal((await rig.variable(work.instance, "kept")).value, 1);
  assert.equal(await rig.variable(work.instance, "gone"), undefined);
};

export const check_files = async (rig) => {
  const info = { filename: "a.txt", mimetype: "text/plain", encoding: "UTF-8" };
  const value = Buffer.from("grüezi").toString("base64");
  const work = await rig.work({ file: { type: "File", value, valueInfo: info } });
  await rig.one(work.topic, async (task, service) => {
    const file = task.variables.get("file");
    assert.deepEqual([file.filename, file.mimetype ?? file.mimeType, file.encoding], ["a.txt", "text/plain", "UTF-8"]);
    // The address is that of the instance's execution, with its local variables.
    assert.equal((await file.load()).content.toString(), "grüezi");
    const path = join(tmpdir(), `${rig.unique("file")}.txt`);
    writeFileSync(path, "from here");
    const own = await new rig.js.File({ localPath: path, mimetype: "text/plain" }).load();
    await service.complete(task, new rig.js.Variables().set("own", own).set("copy", file));
  });
  for (const [name, content] of [["own", "from here"], ["copy", "grüezi"]]) {
    const { id, type } = await rig.variable(work.instance, name);
    const answer = await fetch(`${rig.url}/history/variable-instance/${id}/data`);
    assert.deepEqual([type, await answer.text()], ["File", content]);
  }
};
