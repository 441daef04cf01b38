"""Experiments on a workspace: who was drawn into which group of an audience, and what came of it."""
