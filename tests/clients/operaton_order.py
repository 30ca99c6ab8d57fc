"""Handlers of the order example for operaton-tasks, as its users write them: `operaton-tasks serve operaton_order.py`."""

import base64

import operaton.tasks
import order_steps
from operaton.tasks import operaton_session, settings
from operaton.tasks.runtime import ExternalTaskComplete, ExternalTaskFailure
from operaton.tasks.types import (
    CompleteExternalTaskDto,
    ExternalTaskBpmnError,
    ExternalTaskFailureDto,
    LockedExternalTaskDto,
    VariableValueDto,
    VariableValueType,
)
from operaton.tasks.utils import request_with_auth_retry


async def content(instance: str, name: str) -> bytes:
    """The content of a File variable."""
    url = f"{settings.ENGINE_REST_BASE_URL}/process-instance/{instance}/variables/{name}/data"
    # Each request of the session says that it accepts JSON only.
    async with operaton_session(headers={"Accept": "*/*"}) as http:
        answer = await request_with_auth_retry(http, "GET", url)
        assert answer.status == 200, await answer.text()
        return await answer.read()


async def work(task: LockedExternalTaskDto) -> ExternalTaskComplete | ExternalTaskFailure:
    """Any step of the order."""
    topic, activity = str(task.topicName), str(task.activityId)
    order = {name: variable.value for name, variable in (task.variables or {}).items()}
    instructions = (await content(str(task.processInstanceId), "instructions")).decode()
    try:
        data = order_steps.step(topic, order, instructions)
    except order_steps.PaymentDeclined as declined:
        name, text = order_steps.kept(topic, activity, order, declined.data)
        error = ExternalTaskBpmnError(
            workerId=task.workerId,
            errorCode="PAYMENT_DECLINED",
            errorMessage=str(declined),
            variables={name: VariableValueDto(value=text, type=VariableValueType.Json)},
        )
        return ExternalTaskComplete(task=task, response=error)
    except order_steps.CarrierDown as down:
        failure = ExternalTaskFailureDto(workerId=task.workerId, errorMessage=str(down), retries=2, retryTimeout=1)
        return ExternalTaskFailure(task=task, response=failure)
    name, text = order_steps.kept(topic, activity, order, data)
    variables = {name: VariableValueDto(value=text, type=VariableValueType.Json)}
    if topic == "ship-order":
        variables["shippingLabel"] = VariableValueDto(
            value=base64.b64encode(order_steps.label(data)).decode(),
            type=VariableValueType.File,
            valueInfo={"filename": "label.txt", "mimetype": "text/plain", "encoding": "UTF-8"},
        )
    return ExternalTaskComplete(
        task=task, response=CompleteExternalTaskDto(workerId=task.workerId, variables=variables)
    )


for topic in order_steps.TOPICS:
    operaton.tasks.register(topic, localVariables=False)(work)
