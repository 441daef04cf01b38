"""The questions that an auditor asks."""
