package penstock.example.order;

/** Something outside does not work. The engine retries, and opens an incident when no retry is left. */
final class CarrierDown extends Exception {

  CarrierDown(String carrier) {
    super("carrier " + carrier + " does not answer");
  }
}
