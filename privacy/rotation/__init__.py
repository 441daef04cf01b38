"""Rotation of the master key: what its generations are used for, and how rows go from one to the next."""
