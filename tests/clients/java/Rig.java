import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import java.util.function.Supplier;

/** What a check needs beside its client: models, instances, and the server's own view, past the client under test. */
final class Rig {

    static final ObjectMapper JSON = new ObjectMapper();
    static final long PATIENCE_MS = 30_000;

    /** The address of the REST API. */
    final String url;

    private final Path models;
    private final HttpClient http = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

    Rig(String url, Path models) {
        this.url = url;
        this.models = models;
    }

    /** A definition, an instance of it, and the topic of its task, which nobody else works. */
    record Work(String key, String definition, String instance, String topic) {}

    JsonNode get(String path) {
        return ask(request(path).GET());
    }

    JsonNode post(String path, Object body) {
        try {
            String text = JSON.writeValueAsString(body);
            return ask(request(path)
                    .header("Content-Type", "application/json")
                    .POST(HttpRequest.BodyPublishers.ofString(text)));
        } catch (IOException error) {
            throw new IllegalStateException(error);
        }
    }

    private HttpRequest.Builder request(String path) {
        return HttpRequest.newBuilder(URI.create(url + path));
    }

    private JsonNode ask(HttpRequest.Builder builder) {
        HttpRequest request = builder.build();
        try {
            HttpResponse<String> answer = http.send(request, HttpResponse.BodyHandlers.ofString());
            if (answer.statusCode() >= 300) {
                throw new AssertionError(request + ": " + answer.statusCode() + " " + answer.body());
            }
            return answer.body().isEmpty() ? null : JSON.readTree(answer.body());
        } catch (IOException | InterruptedException error) {
            throw new IllegalStateException(error);
        }
    }

    static String unique(String word) {
        return word + UUID.randomUUID().toString().replace("-", "").substring(0, 12);
    }

    /** Deploys the model `work` under this key; returns the definition's id. `tenant` may be null. */
    String deploy(String key, String tenant) {
        String model;
        try {
            model = Files.readString(models.resolve("work.bpmn")).replace("KEY", key);
        } catch (IOException error) {
            throw new IllegalStateException(error);
        }
        String part = "--%s\r\nContent-Disposition: form-data; name=\"%s\"%s\r\n\r\n%s\r\n";
        String boundary = unique("boundary");
        String body = part.formatted(boundary, "deployment-name", "", key)
                + (tenant == null ? "" : part.formatted(boundary, "tenant-id", "", tenant))
                + part.formatted(boundary, "model", "; filename=\"work.bpmn\"", model)
                + "--" + boundary + "--\r\n";
        JsonNode made = ask(request("/deployment/create")
                .header("Content-Type", "multipart/form-data; boundary=" + boundary)
                .POST(HttpRequest.BodyPublishers.ofString(body)));
        return made.get("deployedProcessDefinitions").fieldNames().next();
    }

    /** An instance of this definition whose task has this topic. `variables`: typed values as in the REST API. */
    String start(String definition, String topic, String businessKey, Map<String, Object> variables) {
        ObjectNode body = JSON.createObjectNode().put("businessKey", businessKey);
        body.set("variables", JSON.valueToTree(variables));
        ((ObjectNode) body.get("variables")).putObject("topic").put("value", topic);
        return post("/process-definition/" + definition + "/start", body).get("id").asText();
    }

    Work work(Map<String, Object> variables) {
        String key = unique("work");
        String topic = unique("topic");
        String definition = deploy(key, null);
        return new Work(key, definition, start(definition, topic, "bk", variables), topic);
    }

    Work work() {
        return work(Map.of());
    }

    /** The external task of an instance. */
    JsonNode task(String instance) {
        return get("/external-task?processInstanceId=" + instance).get(0);
    }

    /** The end event that an instance has reached; null while it runs. */
    String ended(String instance) {
        if (get("/history/process-instance/" + instance).get("endTime").isNull()) {
            return null;
        }
        String query = "?activityType=noneEndEvent&processInstanceId=" + instance;
        return get("/history/activity-instance" + query).get(0).get("activityId").asText();
    }

    /** A variable in the history, with its type; JSON and objects as text. */
    JsonNode variable(String instance, String name) {
        String query = "?deserializeValues=false&processInstanceId=" + instance + "&variableName=" + name;
        JsonNode found = get("/history/variable-instance" + query);
        equal(1, found.size());
        return found.get(0);
    }

    static void equal(Object expected, Object seen) {
        if (!Objects.deepEquals(expected, seen)) {
            throw new AssertionError("expected " + text(expected) + " but was " + text(seen));
        }
    }

    static void that(boolean holds, Object seen) {
        if (!holds) {
            throw new AssertionError("seen: " + text(seen));
        }
    }

    private static String text(Object value) {
        return value instanceof byte[] bytes ? new String(bytes, StandardCharsets.UTF_8) : String.valueOf(value);
    }

    /** The error of this kind that the call must throw. */
    static <E extends Throwable> E thrown(Class<E> kind, Runnable call) {
        try {
            call.run();
        } catch (Throwable error) {
            if (kind.isInstance(error)) {
                return kind.cast(error);
            }
            throw error;
        }
        throw new AssertionError("no " + kind.getSimpleName());
    }

    static void until(String what, Supplier<Boolean> condition) {
        long end = System.nanoTime() + PATIENCE_MS * 1_000_000;
        while (!condition.get()) {
            that(System.nanoTime() < end, what + ": not within " + PATIENCE_MS + " ms");
            try {
                Thread.sleep(20);
            } catch (InterruptedException error) {
                throw new IllegalStateException(error);
            }
        }
    }
}
