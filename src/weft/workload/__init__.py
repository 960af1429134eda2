"""Jobs: what is computed and communicated, as a DAG of operations on ranks."""
