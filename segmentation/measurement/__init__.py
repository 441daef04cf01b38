"""Figures that compare people: groups of an experiment, segments with each other, with everybody, by month."""
