"""Collective operations: algorithms as schedules and as closed forms."""
