"""What every layer needs and nothing else: errors, the clock, ids, the codec."""
