"""Element templates of the connectors, for modelers."""
