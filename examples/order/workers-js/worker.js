// Works the topics of the order process over Camunda 7's REST API.
//
//   PENSTOCK_URL      where the server is (http://127.0.0.1:8080)
//   WORKER_ID         name under which tasks are locked (order-worker)
//   CARRIER_DOWN      carriers that do not answer, separated by commas (none)
//   RETRY_TIMEOUT_MS  pause before a failed task is offered again (5000)
import { Client, Variables } from "camunda-external-task-client-js";
import * as handlers from "./handlers.js";

const { env } = process;
const RETRIES = 3;
const retryTimeout = Number(env.RETRY_TIMEOUT_MS ?? 5000);
const carriersDown = new Set((env.CARRIER_DOWN ?? "").split(",").map((name) => name.trim()).filter(Boolean));

const client = new Client({
  baseUrl: `${(env.PENSTOCK_URL ?? "http://127.0.0.1:8080").replace(/\/$/, "")}/engine-rest`,
  workerId: env.WORKER_ID ?? "order-worker",
  maxTasks: 20,
  interval: 50, // between two polls
  asyncResponseTimeout: 20_000, // a poll waits this long for work: no busy loop, no delay
  lockDuration: 30_000, // a task whose worker has died is offered again after this
  autoPoll: false,
});

let running = 0;
let stopping = false;

/** An entry of `taskResults`. Every handler answers with one; none changes the entry of another. */
const entry = (task, startTime, data) => ({
  data,
  startTime,
  endTime: new Date().toISOString(),
  taskId: task.activityId,
});

/** Where the entry goes. In parallel branches: a variable of its own, which the process joins. */
const into = (name) => (variables, result) => variables.set(name, result);

/** After the join there is one path only: append to the list. */
const append = (variables, result, task) => {
  const results = task.variables.get("ProcessTaskResults");
  return variables.set("ProcessTaskResults", { ...results, taskResults: [...results.taskResults, result] });
};

/** As `append`, with the label to stick on the parcel as a file. */
const appendWithLabel = (variables, result, task) => {
  const { trackingNumber, instructions = "" } = result.data;
  const value = Buffer.from(`${trackingNumber}\n${instructions}`).toString("base64");
  const valueInfo = { filename: "label.txt", mimetype: "text/plain", encoding: "UTF-8" };
  return append(variables, result, task).setTyped("shippingLabel", { type: "file", value, valueInfo });
};

/** Runs the handler and says what is to be told to the engine: a function of the task service. */
const outcome = async (handler, keep, task) => {
  const startTime = new Date().toISOString();
  const kept = (data) => keep(new Variables(), entry(task, startTime, data), task);
  try {
    const variables = kept(await handler(task.variables.getAll(), { carriersDown }));
    return { text: "done", tell: (service) => service.complete(task, variables) };
  } catch (error) {
    if (error instanceof handlers.PaymentDeclined) {
      const tell = (service) => service.handleBpmnError(task, error.code, error.message, kept(error.data));
      return { text: `${error.code}, ${error.message}`, tell };
    }
    const retries = Math.max((task.retries ?? RETRIES) - 1, 0);
    const failure = { errorMessage: error.message, errorDetails: error.stack, retries, retryTimeout };
    const tell = (service) => service.handleFailure(task, failure);
    return { text: `failed, ${retries} retries left: ${error.message}`, tell };
  }
};

const subscribe = (topic, names, handler, keep) => {
  client.subscribe(topic, { variables: names }, async ({ task, taskService }) => {
    running += 1;
    const { text, tell } = await outcome(handler, keep, task);
    // The engine did not hear it: when the lock has expired, the task is offered again.
    await tell(taskService).then(
      () => console.log(`${topic} ${task.businessKey}: ${text}`),
      (error) => console.error(`${topic} ${task.businessKey}: not reported: ${error.message}`),
    );
    running -= 1;
  });
};

subscribe("reserve-stock", ["orderId", "items"], handlers.reserveStock, into("reserveResult"));
subscribe("charge-card", ["amount", "card"], handlers.chargeCard, into("chargeResult"));
subscribe(
  "ship-order",
  ["orderId", "carrier", "instructions", "ProcessTaskResults"],
  handlers.shipOrder,
  appendWithLabel,
);
subscribe("notify-customer", ["orderId", "ProcessTaskResults"], handlers.notifyCustomer, append);
subscribe("release-stock", ["reserveResult", "ProcessTaskResults"], handlers.releaseStock, append);

// Said once, not at every poll: the client tries again by itself.
let trouble = null;
client.on("poll:error", (error) => {
  if (!stopping && error.message !== trouble) console.error(`cannot poll, trying again: ${error.message}`);
  trouble = error.message;
});
client.on("poll:success", () => {
  if (trouble !== null) console.log("polling again");
  trouble = null;
});

/** Takes no more tasks, finishes those it has, and ends. */
const stop = async () => {
  stopping = true;
  client.stop();
  while (running > 0) await new Promise((resolve) => setTimeout(resolve, 20));
  process.exit(0);
};
process.on("SIGTERM", stop);
process.on("SIGINT", stop);

client.start();
console.log(`working for ${client.engineService.baseUrl}; carriers down: ${[...carriersDown].join(", ") || "none"}`);
