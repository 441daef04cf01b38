"""Signals of consent that others collected: read, never believed further than they go."""
