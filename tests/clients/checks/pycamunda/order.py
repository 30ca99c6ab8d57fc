"""pycamunda 0.6.1: the order example, with its requests as a worker of one's own."""

import base64
import json
import time
from typing import Any

import order_steps
from pycamunda import externaltask, processinst
from runner import Rig

WORKER = "pycamunda"


def check_order(rig: Rig) -> None:
    told = 0
    end = time.monotonic() + 60
    while told < order_steps.OUTCOMES:
        assert time.monotonic() < end, told
        fetch = externaltask.FetchAndLock(rig.url, WORKER, max_tasks=10, async_response_timeout=1000)
        for topic in order_steps.TOPICS:
            fetch.add_topic(topic, lock_duration=60_000)
        for task in fetch():
            _work(rig, task)
            told += 1


def _work(rig: Rig, task: Any) -> None:
    order = {name: variable.value for name, variable in task.variables.items()}
    instance = task.process_instance_id
    instructions = processinst.VariablesGet(rig.url, instance, "instructions", binary=True)().decode()
    try:
        data = order_steps.step(task.topic_name, order, instructions)
    except order_steps.PaymentDeclined as declined:
        error = externaltask.HandleBPMNError(rig.url, task.id_, WORKER, "PAYMENT_DECLINED", str(declined))
        error.add_variable(*order_steps.kept(task.topic_name, task.activity_id, order, declined.data), "Json")
        error()
        return
    except order_steps.CarrierDown as down:
        externaltask.HandleFailure(rig.url, task.id_, WORKER, str(down), "details", retries=2, retry_timeout=0)()
        return
    complete = externaltask.Complete(rig.url, task.id_, WORKER)
    complete.add_variable(*order_steps.kept(task.topic_name, task.activity_id, order, data), "Json")
    if task.topic_name == "ship-order":
        content = base64.b64encode(order_steps.label(data)).decode()
        info = {"filename": "label.txt", "mimetype": "text/plain", "encoding": "UTF-8"}
        complete.add_variable("shippingLabel", content, "File", info)
    complete()
    assert json.dumps(data)
