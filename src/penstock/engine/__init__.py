"""The pure core: `step` turns a command into events and effects, `apply` turns an event into state. No I/O, no clock."""
