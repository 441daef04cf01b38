"""Carry out plans: intent, push, receipt; poll until the platform has settled; account for every row."""
