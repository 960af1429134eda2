"""The packet engine the slow and plain way, in objects: what the kernels are tested against, event for event."""
