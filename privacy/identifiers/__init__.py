"""Normalised and hashed identifiers, per destination."""
