"""Rules into Ibis expressions."""
