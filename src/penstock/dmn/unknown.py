"""What is asked for is not there."""


class UnknownDecision(LookupError):
    """The model has no decision, decision service or business knowledge model of this name."""
