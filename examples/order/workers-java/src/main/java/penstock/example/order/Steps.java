package penstock.example.order;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;

/**
 * What each step of the order does. A step gets the order's variables and answers with the data of its entry in
 * {@code taskResults}; it knows nothing of topics, locks and retries. Real ones would call the shop's services here.
 */
final class Steps {

  /** One step. JSON variables come as {@link JsonNode}, files as {@link InputStream}. */
  interface Step {
    Map<String, Object> run(Map<String, Object> order) throws PaymentDeclined, CarrierDown, IOException;
  }

  private final Set<String> carriersDown;

  /** @param carriersDown names of carriers that do not answer */
  Steps(Set<String> carriersDown) {
    this.carriersDown = carriersDown;
  }

  Map<String, Object> reserveStock(Map<String, Object> order) {
    Object items = order.getOrDefault("items", List.of());
    return Map.of("reservationId", "reservation-" + order.get("orderId"), "items", items);
  }

  Map<String, Object> releaseStock(Map<String, Object> order) {
    JsonNode reserved = ((JsonNode) order.get("reserveResult")).path("data");
    return Map.of("reservationId", reserved.path("reservationId").asText(), "released", true);
  }

  Map<String, Object> chargeCard(Map<String, Object> order) throws PaymentDeclined {
    if ("declined".equals(order.get("card"))) {
      throw new PaymentDeclined("insufficient funds");
    }
    return Map.of("paid", true, "amount", order.get("amount"), "paymentId", UUID.randomUUID().toString());
  }

  Map<String, Object> shipOrder(Map<String, Object> order) throws CarrierDown, IOException {
    String carrier = (String) order.get("carrier");
    if (carriersDown.contains(carrier)) {
      throw new CarrierDown(carrier);
    }
    Map<String, Object> data = new LinkedHashMap<>();
    data.put("carrier", carrier);
    data.put("trackingNumber", carrier + "-" + order.get("orderId"));
    if (order.get("instructions") instanceof InputStream file) {
      data.put("instructions", new String(file.readAllBytes(), StandardCharsets.UTF_8));
    }
    return data;
  }

  Map<String, Object> notifyCustomer(Map<String, Object> order) {
    return Map.of("message", "Your order " + order.get("orderId") + " is on its way.");
  }
}
