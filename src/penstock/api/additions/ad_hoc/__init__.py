"""Ad-hoc sub-processes of a running process instance: what can be activated, and activating it."""
