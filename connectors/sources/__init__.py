"""Where people, events and consents come from."""
