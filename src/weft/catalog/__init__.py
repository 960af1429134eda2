"""Parts and rates with their sources."""
