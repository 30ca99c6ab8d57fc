import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Date;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.camunda.bpm.client.task.ExternalTask;
import org.camunda.bpm.client.variable.ClientValues;
import org.camunda.bpm.engine.variable.type.ValueType;
import org.camunda.bpm.engine.variable.value.FileValue;
import org.camunda.bpm.engine.variable.value.ObjectValue;
import org.camunda.bpm.engine.variable.value.TypedValue;

/** Typed values, from the client to the server and back. */
final class Values {

    private static final byte[] HELLO = "grüezi".getBytes(StandardCharsets.UTF_8);
    private static final String JSON = "application/json";

    private Values() {}

    /** Sets a variable with one client, fetches the task again, and returns what then comes. */
    private static <T extends TypedValue> T roundtrip(Rig rig, Object value) {
        Rig.Work work = rig.work();
        Map<String, Object> variables = new HashMap<>();
        variables.put("value", value);
        Fetching.one(rig, work.topic(), (task, service) -> {
            service.setVariables(task, variables);
            service.unlock(task);
        });
        ExternalTask task = Fetching.one(rig, work.topic(), (found, service) -> {
            found.getAllVariablesTyped();
            service.complete(found);
        });
        return task.getVariableTyped("value");
    }

    private static void same(Rig rig, ValueType type, Object value) {
        TypedValue seen = roundtrip(rig, value);
        Rig.equal(type, seen.getType());
        Rig.equal(value instanceof TypedValue typed ? typed.getValue() : value, seen.getValue());
    }

    static void check_numbers(Rig rig) {
        same(rig, ValueType.INTEGER, Integer.MIN_VALUE);
        same(rig, ValueType.LONG, Long.MAX_VALUE);
        same(rig, ValueType.SHORT, Short.MAX_VALUE);
        same(rig, ValueType.DOUBLE, 1e-7);
    }

    static void check_otherPrimitives(Rig rig) {
        same(rig, ValueType.BOOLEAN, false);
        same(rig, ValueType.STRING, "ünï\n\"\\ 漢 🙂");
        same(rig, ValueType.STRING, "");
        same(rig, ValueType.DATE, new Date(1_709_204_400_123L));
        same(rig, ValueType.DATE, new Date(-1L));
        same(rig, ValueType.BYTES, HELLO);
        same(rig, ValueType.NULL, null);
    }

    static void check_typedNulls(Rig rig) {
        same(rig, ValueType.STRING, ClientValues.stringValue(null));
        same(rig, ValueType.INTEGER, ClientValues.integerValue(null));
        same(rig, ValueType.DATE, ClientValues.dateValue(null));
    }

    static void check_jsonAndXml(Rig rig) {
        same(rig, ClientValues.JSON, ClientValues.jsonValue("{\"a\":[1,null,\"ü\"]}"));
        same(rig, ClientValues.XML, ClientValues.xmlValue("<a b=\"c\">ü</a>"));
    }

    static void check_objects(Rig rig) {
        Map<String, Object> tree = new LinkedHashMap<>(Map.of("name", "Grün", "rows", new ArrayList<>(List.of(1, 2))));
        ObjectValue seen = roundtrip(rig, ClientValues.objectValue(tree).serializationDataFormat(JSON).create());
        Rig.equal(tree, seen.getValue());
        Rig.equal(JSON, seen.getSerializationDataFormat());
        Rig.that(seen.getObjectTypeName().startsWith("java.util."), seen.getObjectTypeName());

        // Without a format of its own: the client's default.
        ObjectValue untyped = roundtrip(rig, new ArrayList<>(List.of("a", "b")));
        Rig.equal(List.of("a", "b"), untyped.getValue());

        ObjectValue serialized = roundtrip(rig, ClientValues.serializedObjectValue("[\"x\"]")
                .serializationDataFormat(JSON)
                .objectTypeName("java.util.ArrayList<java.lang.String>")
                .create());
        Rig.equal("[\"x\"]", serialized.getValueSerialized());
        Rig.equal(List.of("x"), serialized.getValue());
    }

    static void check_objectOfAnUnknownClassComesSerialized(Rig rig) {
        Map<String, Object> info = Map.of("objectTypeName", "com.example.Nope", "serializationDataFormat", JSON);
        Rig.Work work = rig.work(Map.of("value", Map.of("type", "Object", "value", "{\"a\":1}", "valueInfo", info)));
        ExternalTask task = Fetching.one(rig, work.topic(), (found, service) -> service.complete(found));
        ObjectValue value = task.getVariableTyped("value", false);
        Rig.that(!value.isDeserialized(), value);
        Rig.equal("{\"a\":1}", value.getValueSerialized());
        Rig.equal("com.example.Nope", value.getObjectTypeName());
    }

    private static byte[] content(Object file) {
        try (InputStream stream = (InputStream) file) {
            return stream.readAllBytes();
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    static void check_fileOfTheClient(Rig rig) {
        FileValue file = ClientValues.fileValue("grüße.txt")
                .file(HELLO)
                .mimeType("text/plain")
                .encoding(StandardCharsets.UTF_8)
                .create();
        Rig.Work work = rig.work();
        Fetching.one(rig, work.topic(), (task, service) -> {
            service.setVariables(task, Map.of("file", file));
            service.unlock(task);
        });
        Fetching.one(rig, work.topic(), (task, service) -> {
            FileValue seen = task.getVariableTyped("file");
            Rig.equal("grüße.txt", seen.getFilename());
            Rig.equal("text/plain", seen.getMimeType());
            Rig.equal("UTF-8", seen.getEncoding());
            Rig.equal(HELLO, content(seen.getValue()));
            service.complete(task, Map.of("copy", seen));
        });
        Rig.equal("grüße.txt", rig.variable(work.instance(), "copy").get("valueInfo").get("filename").asText());
    }

    static void check_fileFromTheStart(Rig rig) {
        Map<String, Object> info = Map.of("filename", "a.bin");
        String encoded = Base64.getEncoder().encodeToString(HELLO);
        Rig.Work work = rig.work(Map.of("file", Map.of("type", "File", "value", encoded, "valueInfo", info)));
        Fetching.one(rig, work.topic(), (task, service) -> {
            // Its address has the id of the execution, which is not that of the instance here.
            Rig.equal(HELLO, content(task.getVariable("file")));
            FileValue typed = task.getVariableTyped("file");
            Rig.equal(null, typed.getMimeType());
            Rig.equal(HELLO, content(task.getAllVariables().get("file")));
            service.complete(task);
        });
    }

    static void check_fileInTheTasksOwnScope(Rig rig) {
        Rig.Work work = rig.work();
        FileValue file = ClientValues.fileValue("own.txt").file(HELLO).create();
        Fetching.some(
                Fetching.client(rig).disableBackoffStrategy(), work.topic(), 2, builder -> builder, (task, service) -> {
                    if (task.getRetries() == null) {
                        service.handleFailure(task.getId(), "once", null, 1, 0, null, Map.of("own", file));
                    } else {
                        Rig.equal(HELLO, content(task.getVariable("own")));
                        service.complete(task);
                    }
                });
        Rig.equal("Done", rig.ended(work.instance()));
    }

    static void check_emptyFile(Rig rig) {
        FileValue seen = roundtrip(rig, ClientValues.fileValue("empty.txt").file(new byte[0]).create());
        Rig.equal("empty.txt", seen.getFilename());
    }

    static void check_transientValuesAreNotKept(Rig rig) {
        Rig.Work work = rig.work();
        Fetching.one(rig, work.topic(), (task, service) -> service.complete(
                task,
                Map.of(
                        "kept", ClientValues.stringValue("x"),
                        "gone", ClientValues.stringValue("x", true),
                        "goneToo", ClientValues.jsonValue("{}", true)),
                Map.of("given", "local")));
        Rig.equal("x", rig.variable(work.instance(), "kept").get("value").asText());
        for (String name : List.of("gone", "goneToo")) {
            String query = "?processInstanceId=" + work.instance() + "&variableName=" + name;
            Rig.equal(0, rig.get("/history/variable-instance" + query).size());
        }
    }
}
