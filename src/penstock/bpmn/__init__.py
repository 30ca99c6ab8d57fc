"""BPMN 2.0: one module per element in `elements`, one per event kind in `triggers`."""
