"""A workspace: its files, read strictly."""
