"""Data quality on a workspace: what is checked after a pull, and which people are probably one."""
