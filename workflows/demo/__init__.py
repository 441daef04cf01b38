"""The main job, end to end, on a generated French shop."""
