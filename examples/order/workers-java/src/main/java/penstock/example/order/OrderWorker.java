package penstock.example.order;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.time.Instant;
import java.util.Arrays;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.camunda.bpm.client.ExternalTaskClient;
import org.camunda.bpm.client.backoff.ExponentialErrorBackoffStrategy;
import org.camunda.bpm.client.exception.ExternalTaskClientException;
import org.camunda.bpm.client.task.ExternalTask;
import org.camunda.bpm.client.task.ExternalTaskService;

/**
 * Works the topics of the order process over Camunda 7's REST API, with Camunda's Java client.
 *
 * <pre>
 * PENSTOCK_URL      where the server is (http://127.0.0.1:8080)
 * WORKER_ID         name under which tasks are locked (order-worker)
 * CARRIER_DOWN      carriers that do not answer, separated by commas (none)
 * RETRY_TIMEOUT_MS  pause before a failed task is offered again (5000)
 * </pre>
 */
public final class OrderWorker {

  private static final int RETRIES = 3;
  private static final long LOCK_MS = 30_000; // a task whose worker has died is offered again after this
  private static final long POLL_MS = 2_000; // a poll waits this long for work; SIGTERM waits for its end

  private final long retryTimeoutMs = Long.parseLong(setting("RETRY_TIMEOUT_MS", "5000"));
  private final ExternalTaskClient client;

  private OrderWorker(String url) {
    client =
        ExternalTaskClient.create()
            .baseUrl(url.replaceFirst("/$", "") + "/engine-rest")
            .workerId(setting("WORKER_ID", "order-worker"))
            .maxTasks(20)
            .lockDuration(LOCK_MS)
            .asyncResponseTimeout(POLL_MS)
            // Polls again at once when there was nothing to do, and waits only when the server does not answer.
            .backoffStrategy(new ExponentialErrorBackoffStrategy())
            .build();
  }

  public static void main(String[] args) {
    String url = setting("PENSTOCK_URL", "http://127.0.0.1:8080");
    Set<String> down =
        Arrays.stream(setting("CARRIER_DOWN", "").split(","))
            .map(String::trim)
            .filter(name -> !name.isEmpty())
            .collect(Collectors.toUnmodifiableSet());
    OrderWorker worker = new OrderWorker(url);
    Runtime.getRuntime().addShutdownHook(new Thread(worker::stop));
    worker.subscribe(new Steps(down));
    System.out.printf("working for %s; carriers down: %s%n", url, down);
  }

  private void subscribe(Steps steps) {
    work("reserve-stock", steps::reserveStock, Results.into("reserveResult"), "orderId", "items");
    work("charge-card", steps::chargeCard, Results.into("chargeResult"), "amount", "card");
    work("ship-order", steps::shipOrder, Results::appendWithLabel,
        "orderId", "carrier", "instructions", "ProcessTaskResults");
    work("notify-customer", steps::notifyCustomer, Results::append, "orderId", "ProcessTaskResults");
    work("release-stock", steps::releaseStock, Results::append, "reserveResult", "ProcessTaskResults");
  }

  private void work(String topic, Steps.Step step, Results.Keep keep, String... variables) {
    client
        .subscribe(topic)
        .variables(variables)
        .handler((task, service) -> report(task, () -> run(task, service, step, keep)))
        .open();
  }

  /** Runs the step and tells the engine how it went; returns what to print. */
  private String run(ExternalTask task, ExternalTaskService service, Steps.Step step, Results.Keep keep)
      throws JsonProcessingException {
    String startTime = Instant.now().toString();
    try {
      Map<String, Object> data = step.run(Results.order(task));
      service.complete(task, keep.variables(task, entry(task, startTime, data)));
      return "done";
    } catch (PaymentDeclined declined) {
      Map<String, Object> variables = keep.variables(task, entry(task, startTime, declined.data));
      service.handleBpmnError(task, PaymentDeclined.CODE, declined.getMessage(), variables);
      return PaymentDeclined.CODE + ", " + declined.getMessage();
    } catch (ExternalTaskClientException notTold) {
      throw notTold;
    } catch (Exception failure) {
      int retries = Math.max((task.getRetries() == null ? RETRIES : task.getRetries()) - 1, 0);
      service.handleFailure(task, failure.getMessage(), stackTrace(failure), retries, retryTimeoutMs);
      return "failed, " + retries + " retries left: " + failure.getMessage();
    }
  }

  private interface Work {
    String run() throws JsonProcessingException;
  }

  private static void report(ExternalTask task, Work work) {
    String name = task.getTopicName() + " " + task.getBusinessKey();
    try {
      System.out.println(name + ": " + work.run());
    } catch (ExternalTaskClientException | JsonProcessingException error) {
      // The engine did not hear of it: when the lock has expired, the task is offered again.
      System.err.println(name + ": not reported: " + error.getMessage());
    }
  }

  /** An entry of {@code taskResults}. Every step answers with one; none changes the entry of another. */
  private static ObjectNode entry(ExternalTask task, String startTime, Map<String, Object> data) {
    ObjectNode entry = Results.JSON.createObjectNode();
    entry.set("data", Results.JSON.valueToTree(data));
    return entry
        .put("startTime", startTime)
        .put("endTime", Instant.now().toString())
        .put("taskId", task.getActivityId());
  }

  /** Takes no more tasks, finishes those it has, and ends. */
  private void stop() {
    client.stop();
    System.out.flush();
    Runtime.getRuntime().halt(0);
  }

  private static String stackTrace(Exception failure) {
    StringWriter text = new StringWriter();
    failure.printStackTrace(new PrintWriter(text));
    return text.toString();
  }

  private static String setting(String name, String otherwise) {
    return System.getenv().getOrDefault(name, otherwise);
  }
}
