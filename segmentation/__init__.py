"""Rules that choose people, compiled to Ibis."""
