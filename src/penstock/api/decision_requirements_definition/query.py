"""What lists of decision requirements definitions understand."""

from penstock.api import definitions
from penstock.api.querying import Selection

SELECTION = Selection(
    "decision_requirements_definition",
    filters=definitions.filters("decisionRequirementsDefinition"),
    sortings=definitions.SORTINGS,
)
