"""The workspace that `init` writes: templates of its files, and what puts them into place."""
