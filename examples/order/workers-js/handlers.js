// What each step of the order does. A handler gets the order's variables and answers with the data of its entry in
// `taskResults`; it knows nothing of topics, locks and retries. Real ones would call the shop's services here.
import { randomUUID } from "node:crypto";

/** The bank said no: an expected outcome that the model handles, not a failure to retry. */
export class PaymentDeclined extends Error {
  code = "PAYMENT_DECLINED";
  constructor(data) {
    super(data.reason);
    this.data = data;
  }
}

/** Something outside does not work. The engine retries, and opens an incident when no retry is left. */
export class CarrierDown extends Error {}

export const reserveStock = ({ orderId, items }) => ({
  reservationId: `reservation-${orderId}`,
  items: items ?? [],
});

export const releaseStock = ({ reserveResult }) => ({
  reservationId: reserveResult.data.reservationId,
  released: true,
});

export const chargeCard = ({ amount, card }) => {
  if (card === "declined") throw new PaymentDeclined({ paid: false, reason: "insufficient funds" });
  return { paid: true, amount, paymentId: randomUUID() };
};

/** `instructions`: a file of the customer's, if there is one. `carriersDown`: names of carriers that do not answer. */
export const shipOrder = async ({ orderId, carrier, instructions }, { carriersDown }) => {
  if (carriersDown.has(carrier)) throw new CarrierDown(`carrier ${carrier} does not answer`);
  const shipped = { carrier, trackingNumber: `${carrier}-${orderId}` };
  return instructions ? { ...shipped, instructions: (await instructions.load()).content.toString() } : shipped;
};

export const notifyCustomer = ({ orderId }) => ({ message: `Your order ${orderId} is on its way.` });
