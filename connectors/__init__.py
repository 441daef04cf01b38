"""The outside world, one file per system: sources, destinations and their strict local twins."""
