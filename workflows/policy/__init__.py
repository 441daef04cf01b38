"""The policy as people look at it: what is in force, what changed, and whom a change would move."""
