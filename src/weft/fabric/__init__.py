"""The fabric: one graph of arrays, built from a cluster file."""
