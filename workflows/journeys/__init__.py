"""Funnels, ladders and journeys of a workspace: computed on its lake, and drawn."""
