package penstock.example.order;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import org.camunda.bpm.client.task.ExternalTask;
import org.camunda.bpm.client.variable.ClientValues;
import org.camunda.bpm.engine.variable.VariableMap;
import org.camunda.bpm.engine.variable.value.TypedValue;

/** Which variables a step reads, and where its result goes. */
final class Results {

  static final ObjectMapper JSON = new ObjectMapper();

  /** Puts an entry of {@code taskResults} into variables. */
  interface Keep {
    Map<String, Object> variables(ExternalTask task, ObjectNode entry) throws JsonProcessingException;
  }

  private Results() {}

  /** The task's variables, JSON ones read; a variable that the order does not have is not in the map. */
  static Map<String, Object> order(ExternalTask task) throws JsonProcessingException {
    Map<String, Object> order = new HashMap<>();
    VariableMap variables = task.getAllVariablesTyped();
    for (String name : variables.keySet()) {
      TypedValue typed = variables.getValueTyped(name);
      Object value = ClientValues.JSON.equals(typed.getType()) ? JSON.readTree((String) typed.getValue()) : typed.getValue();
      if (value != null) {
        order.put(name, value);
      }
    }
    return order;
  }

  /** In parallel branches: a variable of its own, which the process joins. */
  static Keep into(String name) {
    return (task, entry) -> Map.of(name, json(entry));
  }

  /** After the join there is one path only: append to the list. No entry is ever changed. */
  static Map<String, Object> append(ExternalTask task, ObjectNode entry) throws JsonProcessingException {
    ObjectNode results = (ObjectNode) JSON.readTree((String) task.getVariable("ProcessTaskResults"));
    ((ArrayNode) results.get("taskResults")).add(entry);
    return Map.of("ProcessTaskResults", json(results));
  }

  /** As {@link #append}, with the label to stick on the parcel as a file. */
  static Map<String, Object> appendWithLabel(ExternalTask task, ObjectNode entry) throws JsonProcessingException {
    JsonNode shipped = entry.get("data");
    String text = shipped.get("trackingNumber").asText() + "\n" + shipped.path("instructions").asText();
    Map<String, Object> variables = new HashMap<>(append(task, entry));
    variables.put(
        "shippingLabel",
        ClientValues.fileValue("label.txt")
            .file(text.getBytes(StandardCharsets.UTF_8))
            .mimeType("text/plain")
            .encoding(StandardCharsets.UTF_8)
            .create());
    return variables;
  }

  private static Object json(JsonNode node) throws JsonProcessingException {
    return ClientValues.jsonValue(JSON.writeValueAsString(node));
  }
}
