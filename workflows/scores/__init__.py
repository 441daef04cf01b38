"""Scores of a workspace: fitted, kept, looked at."""
