"""The fluid engine: flows share the network by weighted max-min fairness, event by event."""
