"""Engines: when does each operation of a job end on a fabric."""
