"""What groups and scores have in common: people with their traits as numbers, and models that are kept as numbers."""
