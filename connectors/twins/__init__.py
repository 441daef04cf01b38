"""Strict local stand-ins for Meta and Google."""
