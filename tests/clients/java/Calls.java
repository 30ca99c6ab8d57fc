import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Date;
import java.util.List;
import java.util.Map;
import org.camunda.bpm.client.ExternalTaskClient;
import org.camunda.bpm.client.backoff.ErrorAwareBackoffStrategy;
import org.camunda.bpm.client.backoff.ExponentialBackoffStrategy;
import org.camunda.bpm.client.backoff.ExponentialErrorBackoffStrategy;
import org.camunda.bpm.client.exception.BadRequestException;
import org.camunda.bpm.client.exception.EngineException;
import org.camunda.bpm.client.exception.ExternalTaskClientException;
import org.camunda.bpm.client.exception.NotFoundException;
import org.camunda.bpm.client.exception.RestException;
import org.camunda.bpm.client.task.ExternalTask;
import org.camunda.bpm.client.task.ExternalTaskService;
import org.camunda.bpm.client.variable.ClientValues;

/** Every call of the task service, the client's settings, and its backoff strategies. */
final class Calls {

    private Calls() {}

    private static Map<String, Object> given(Object value) {
        return Map.of("given", value);
    }

    static void check_everythingAboutATask(Rig rig) {
        Rig.Work work = rig.work(Map.of("amount", Map.of("value", 12)));
        Date before = Date.from(Instant.now().minusSeconds(60));
        ExternalTask task = Fetching.one(rig, work.topic(), (found, service) -> service.complete(found));
        Rig.equal("Work", task.getActivityId());
        Rig.that(task.getActivityInstanceId().startsWith("Work:"), task.getActivityInstanceId());
        Rig.that(!task.getExecutionId().equals(work.instance()), "a scope has an execution of its own");
        Rig.equal(work.instance(), task.getProcessInstanceId());
        Rig.equal(work.definition(), task.getProcessDefinitionId());
        Rig.equal(work.key(), task.getProcessDefinitionKey());
        Rig.equal("1.2-" + work.key(), task.getProcessDefinitionVersionTag());
        Rig.equal("bk", task.getBusinessKey());
        Rig.equal(Fetching.WORKER, task.getWorkerId());
        Rig.equal(work.topic(), task.getTopicName());
        Rig.equal(7L, task.getPriority());
        Rig.equal(null, task.getRetries());
        Rig.equal(null, task.getTenantId());
        Rig.equal(null, task.getErrorMessage());
        Rig.equal(null, task.getErrorDetails());
        Rig.equal(Map.of(), task.getExtensionProperties());
        Rig.that(task.getLockExpirationTime().after(task.getCreateTime()), task);
        Rig.that(task.getCreateTime().after(before), task.getCreateTime());
        Rig.equal(Map.of("amount", 12, "inside", "only here", "topic", work.topic()), task.getAllVariables());
        Rig.equal("Done", rig.ended(work.instance()));
    }

    static void check_complete(Rig rig) {
        Rig.Work plain = rig.work();
        Fetching.one(rig, plain.topic(), (task, service) -> service.complete(task));
        Rig.equal("Done", rig.ended(plain.instance()));

        Rig.Work variables = rig.work();
        Fetching.one(rig, variables.topic(), (task, service) -> service.complete(task, Map.of("answer", 42)));
        Rig.equal(42, rig.variable(variables.instance(), "answer").get("value").asInt());

        Rig.Work local = rig.work();
        Fetching.one(rig, local.topic(), (task, service) -> service.complete(task, null, given("local")));
        Rig.equal("local", rig.variable(local.instance(), "taken").get("value").asText());

        Rig.Work byId = rig.work();
        Fetching.one(rig, byId.topic(), (task, service) ->
                service.complete(task.getId(), Map.of("answer", 1), given("local")));
        Rig.equal(1, rig.variable(byId.instance(), "answer").get("value").asInt());
        Rig.equal("local", rig.variable(byId.instance(), "taken").get("value").asText());
    }

    static void check_handleFailure(Rig rig) {
        Rig.Work work = rig.work();
        List<Integer> retries = new ArrayList<>();
        List<ExternalTask> tasks = Fetching.some(
                Fetching.client(rig).disableBackoffStrategy(), work.topic(), 3, builder -> builder, (task, service) -> {
                    retries.add(task.getRetries());
                    switch (retries.size()) {
                        case 1 -> service.handleFailure(task, "first", "at line 1", 2, 0);
                        case 2 -> service.handleFailure(task.getId(), "second", "at line 2", 1, 10);
                        default -> service.handleFailure(
                                task.getId(), "third", "at line 3", 0, 0, Map.of("failed", true), given("local"));
                    }
                });
        Rig.equal(3, tasks.size());
        List<Integer> expected = new ArrayList<>();
        expected.add(null);
        expected.addAll(List.of(2, 1));
        Rig.equal(expected, retries);
        Rig.equal("first", tasks.get(1).getErrorMessage());
        Rig.equal("at line 2", tasks.get(2).getErrorDetails());
        JsonNode incident = rig.get("/incident?processInstanceId=" + work.instance()).get(0);
        Rig.equal("third", incident.get("incidentMessage").asText());
        Rig.equal(true, rig.variable(work.instance(), "failed").get("value").asBoolean());
        Rig.equal("local", rig.variable(work.instance(), "given").get("value").asText());
    }

    private interface Report {
        void to(ExternalTaskService service, ExternalTask task);
    }

    private static Rig.Work refused(Rig rig, Report report) {
        Rig.Work work = rig.work();
        Fetching.one(rig, work.topic(), (task, service) -> report.to(service, task));
        Rig.equal("Refused", rig.ended(work.instance()));
        return work;
    }

    static void check_handleBpmnError(Rig rig) {
        refused(rig, (service, task) -> service.handleBpmnError(task, "REFUSED"));
        Rig.Work message = refused(rig, (service, task) -> service.handleBpmnError(task, "REFUSED", "not today"));
        Rig.equal("not today", rig.variable(message.instance(), "reason").get("value").asText());
        Map<String, Object> why = Map.of("why", "rain");
        Rig.Work variables = refused(rig, (service, task) -> service.handleBpmnError(task, "REFUSED", "no", why));
        Rig.equal("rain", rig.variable(variables.instance(), "why").get("value").asText());
        Rig.Work byId = refused(rig, (service, task) -> service.handleBpmnError(task.getId(), "REFUSED", "no", why));
        Rig.equal("rain", rig.variable(byId.instance(), "why").get("value").asText());
    }

    static void check_uncaughtBpmnErrorEndsTheInstance(Rig rig) {
        Rig.Work work = rig.work();
        Fetching.one(rig, work.topic(), (task, service) -> service.handleBpmnError(task, "ANOTHER"));
        JsonNode instance = rig.get("/history/process-instance/" + work.instance());
        Rig.equal("COMPLETED", instance.get("state").asText());
    }

    static void check_extendLock(Rig rig) {
        Rig.Work work = rig.work();
        Fetching.one(rig, work.topic(), (task, service) -> {
            service.extendLock(task, Duration.ofHours(2).toMillis());
            Instant extended = expiration(rig, work.instance());
            Rig.that(extended.isAfter(Instant.now().plus(Duration.ofMinutes(100))), extended);
            service.extendLock(task.getId(), Duration.ofHours(4).toMillis());
            Rig.that(expiration(rig, work.instance()).isAfter(extended.plus(Duration.ofMinutes(100))), extended);
        });
    }

    private static Instant expiration(Rig rig, String instance) {
        String text = rig.task(instance).get("lockExpirationTime").asText();
        return Instant.parse(text.replaceFirst("\\+0000$", "Z"));
    }

    static void check_unlockAndLock(Rig rig) {
        Rig.Work work = rig.work();
        Fetching.one(rig, work.topic(), (task, service) -> {
            service.unlock(task);
            Rig.that(rig.task(work.instance()).get("workerId").isNull(), rig.task(work.instance()));
            service.lock(task, Duration.ofHours(1).toMillis());
            Rig.equal(Fetching.WORKER, rig.task(work.instance()).get("workerId").asText());
            Instant locked = expiration(rig, work.instance());
            Rig.that(locked.isAfter(Instant.now().plus(Duration.ofMinutes(50))), locked);
            service.unlock(task);
            service.lock(task.getId(), Duration.ofHours(3).toMillis());
            Rig.that(expiration(rig, work.instance()).isAfter(locked), locked);
        });
    }

    static void check_setVariables(Rig rig) {
        Rig.Work work = rig.work();
        Fetching.one(rig, work.topic(), (task, service) -> {
            service.setVariables(task, Map.of("one", 1));
            service.setVariables(task.getProcessInstanceId(), Map.of("two", 2L));
            Rig.equal("Long", rig.variable(work.instance(), "two").get("type").asText());
            service.complete(task);
        });
        Rig.equal(1, rig.variable(work.instance(), "one").get("value").asInt());
    }

    static void check_refusals(Rig rig) {
        Rig.Work work = rig.work();
        Fetching.one(rig, work.topic(), (task, service) -> {
            NotFoundException unknown =
                    Rig.thrown(NotFoundException.class, () -> service.extendLock("nope", 1000));
            RestException cause = (RestException) unknown.getCause();
            Rig.equal(404, cause.getHttpStatusCode());
            Rig.equal("RestException", cause.getType());
            Rig.that(cause.getMessage().contains("nope"), cause.getMessage());
            Rig.thrown(EngineException.class, () -> service.setVariables("nope", Map.of("one", 1)));
        });
        Fetching.some(
                Fetching.client(rig).workerId("other"), rig.work().topic(), 1, builder -> builder, (task, service) -> {
                    String locked = rig.task(work.instance()).get("id").asText();
                    BadRequestException wrong =
                            Rig.thrown(BadRequestException.class, () -> service.complete(locked, null, null));
                    Rig.that(wrong.getMessage().contains("cannot be completed by worker 'other'"), wrong.getMessage());
                });
    }

    static void check_valueThatTheServerCannotRead(Rig rig) {
        Rig.Work work = rig.work();
        Fetching.one(rig, work.topic(), (task, service) -> {
            // The engine refuses serialized Java objects: reading them would run what is in them.
            Object value = ClientValues.objectValue(new ArrayList<>(List.of("a")))
                    .serializationDataFormat("application/x-java-serialized-object")
                    .create();
            EngineException refused =
                    Rig.thrown(EngineException.class, () -> service.complete(task, Map.of("list", value)));
            Rig.equal("ProcessEngineException", ((RestException) refused.getCause()).getType());
            Rig.that(
                    refused.getMessage().contains(
                            "Cannot set variable with name list. Java serialization format is prohibited"),
                    refused.getMessage());
        });
        Rig.equal(null, rig.ended(work.instance()));
    }

    // -- the client's settings

    static void check_usePriorityAndCreateTime(Rig rig) {
        Rig.Work work = rig.work();
        List<String> instances = new ArrayList<>(List.of(work.instance()));
        for (int number = 0; number < 2; number++) {
            instances.add(rig.start(work.definition(), work.topic(), null, Map.of()));
        }
        List<String> newestFirst = new ArrayList<>();
        Fetching.some(
                Fetching.client(rig).usePriority(false).orderByCreateTime().desc().lockDuration(1000),
                work.topic(), 3, builder -> builder, (task, service) -> {
                    newestFirst.add(task.getProcessInstanceId());
                    service.unlock(task);
                });
        Rig.equal(List.of(instances.get(2), instances.get(1), instances.get(0)), newestFirst.subList(0, 3));
        List<String> oldestFirst = new ArrayList<>();
        Fetching.some(
                Fetching.client(rig).usePriority(true).useCreateTime(true).orderByCreateTime().asc().maxTasks(1),
                work.topic(), 3, builder -> builder, (task, service) -> {
                    oldestFirst.add(task.getProcessInstanceId());
                    service.complete(task);
                });
        Rig.equal(instances, oldestFirst);
    }

    static void check_interceptor(Rig rig) {
        Rig.Work work = rig.work();
        Fetching.some(
                Fetching.client(rig).addInterceptor(
                        request -> request.addHeader("Authorization", "Basic ZGVtbzpkZW1v")),
                work.topic(), 1, builder -> builder, (task, service) -> service.complete(task));
        Rig.equal("Done", rig.ended(work.instance()));
    }

    static void check_urlResolverAndGeneratedWorkerId(Rig rig) {
        Rig.Work work = rig.work();
        ExternalTask task = Fetching.some(
                ExternalTaskClient.create().urlResolver(() -> rig.url).asyncResponseTimeout(200),
                work.topic(), 1, builder -> builder, (found, service) -> service.complete(found)).get(0);
        Rig.that(!task.getWorkerId().isEmpty(), task);
        Rig.equal("Done", rig.ended(work.instance()));
    }

    static void check_startAndStop(Rig rig) {
        Rig.Work work = rig.work();
        List<ExternalTask> tasks = new ArrayList<>();
        ExternalTaskClient client = Fetching.client(rig).disableAutoFetching().build();
        var subscription = client.subscribe(work.topic()).handler((task, service) -> {
            service.complete(task);
            tasks.add(task);
        }).open();
        Rig.that(!client.isActive() && tasks.isEmpty(), tasks);
        client.start();
        Rig.until("a task", () -> !tasks.isEmpty());
        subscription.close();
        client.stop();
        Rig.equal("Done", rig.ended(work.instance()));
    }

    static void check_longPollIsAnsweredAtOnce(Rig rig) {
        Rig.Work first = rig.work();
        List<ExternalTask> tasks = new ArrayList<>();
        ExternalTaskClient client = Fetching.client(rig).asyncResponseTimeout(20_000).build();
        client.subscribe(first.topic()).lockDuration(60_000).handler((task, service) -> {
            service.complete(task);
            tasks.add(task);
        }).open();
        Rig.until("the first task", () -> tasks.size() == 1);
        rig.start(first.definition(), first.topic(), null, Map.of());
        long start = System.nanoTime();
        Rig.until("the second task", () -> tasks.size() == 2);
        Rig.that(System.nanoTime() - start < 15_000_000_000L, "it waited for the end of the poll");
        rig.start(first.definition(), first.topic(), null, Map.of()); // ends the poll that stop() waits for
        client.stop();
    }

    // -- backoff strategies

    /** Remembers what it was told. */
    private static final class Recording implements ErrorAwareBackoffStrategy {
        final List<String> seen = new ArrayList<>();

        @Override
        public synchronized void reconfigure(List<ExternalTask> tasks, ExternalTaskClientException error) {
            seen.add(error == null ? tasks.size() + " tasks" : error.getClass().getSimpleName());
        }

        @Override
        public long calculateBackoffTime() {
            return 10;
        }

        synchronized boolean has(String what) {
            return seen.contains(what);
        }
    }

    static void check_backoffIsToldOfTasks(Rig rig) {
        Rig.Work work = rig.work();
        Recording recording = new Recording();
        ExternalTaskClient client =
                Fetching.client(rig).asyncResponseTimeout(50).backoffStrategy(recording).build();
        client.subscribe(work.topic()).handler((task, service) -> service.complete(task)).open();
        Rig.until("a poll with and one without tasks", () -> recording.has("1 tasks") && recording.has("0 tasks"));
        client.stop();
    }

    static void check_backoffIsToldOfErrors(Rig rig) {
        Recording recording = new Recording();
        ExternalTaskClient client =
                Fetching.client(rig).baseUrl(rig.url + "/nope").backoffStrategy(recording).build();
        client.subscribe("any").handler((task, service) -> {}).open();
        Rig.until("a poll that is refused", () -> recording.has("NotFoundException"));
        client.stop();
    }

    static void check_backoffStrategiesOfTheClient(Rig rig) {
        var strategies = List.of(
                new ExponentialBackoffStrategy(10, 2, 100), new ExponentialErrorBackoffStrategy(10, 2, 100));
        for (var strategy : strategies) {
            Rig.Work work = rig.work();
            Fetching.some(
                    Fetching.client(rig).backoffStrategy(strategy), work.topic(), 1, builder -> builder,
                    (task, service) -> service.complete(task));
            Rig.equal("Done", rig.ended(work.instance()));
        }
    }
}
