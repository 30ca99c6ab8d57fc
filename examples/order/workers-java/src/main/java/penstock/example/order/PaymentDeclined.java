package penstock.example.order;

import java.util.Map;

/** The bank said no: an expected outcome that the model handles, not a failure to retry. */
final class PaymentDeclined extends Exception {

  static final String CODE = "PAYMENT_DECLINED";

  /** Goes into the order's results like the data of a step that was done. */
  final transient Map<String, Object> data;

  PaymentDeclined(String reason) {
    super(reason);
    data = Map.of("paid", false, "reason", reason);
  }
}
