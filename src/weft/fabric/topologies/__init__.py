"""Scale-out topologies, one file each."""
