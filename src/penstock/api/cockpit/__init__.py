"""The cockpit's files, as `cockpit/` builds them into `static`, and the addresses that Camunda's web applications have."""
