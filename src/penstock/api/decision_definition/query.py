"""What lists of decision definitions understand."""

from penstock.api import definitions
from penstock.api.querying import Selection, like, moment, text, when
from penstock.store.query import Op, Order, is_null

SELECTION = Selection(
    "decision_definition",
    filters={
        **definitions.filters("decisionDefinition"),
        "deployedAfter": moment("deployed_ms", Op.GT),
        "deployedAt": moment("deployed_ms", Op.EQ),
        "decisionRequirementsDefinitionId": text("requirements_id"),
        "decisionRequirementsDefinitionKey": text("requirements_key"),
        "withoutDecisionRequirementsDefinition": when(is_null("requirements_id")),
        "versionTag": text("version_tag"),
        "versionTagLike": like("version_tag"),
    },
    sortings={
        **definitions.SORTINGS,
        "deployTime": Order("deployed_ms"),
        "versionTag": Order("version_tag"),
        "decisionRequirementsDefinitionKey": Order("requirements_key"),
    },
)
