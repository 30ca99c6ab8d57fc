"""What a node tells about itself: counters, gauges of the backlog, spans."""
