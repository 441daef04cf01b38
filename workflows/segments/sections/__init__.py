"""The sections of a segment's page, a module each."""
