"""The views: one module per VIEW table of `store.tables`, and the table of them.

To add a view: a module here with a `VIEW`, and its line below.
"""

from penstock.views import (
    activity_instance,
    attachment,
    comment,
    decision_input,
    decision_instance,
    decision_output,
    detail,
    execution,
    external_task_log,
    identity_link,
    identity_link_log,
    incident,
    job_log,
    operation_log,
    process_instance,
    task,
    variable,
)
from penstock.views.unit import View

VIEWS: tuple[View, ...] = (
    process_instance.VIEW,
    execution.VIEW,
    activity_instance.VIEW,
    variable.VIEW,
    detail.VIEW,
    task.VIEW,
    identity_link.VIEW,
    identity_link_log.VIEW,
    incident.VIEW,
    external_task_log.VIEW,
    job_log.VIEW,
    operation_log.VIEW,
    decision_instance.VIEW,
    decision_input.VIEW,
    decision_output.VIEW,
    comment.VIEW,
    attachment.VIEW,
)
"""Every view. An event's handlers run in this order."""
