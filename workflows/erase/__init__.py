"""Erase people: ask, take them out of every platform, and destroy what there is once every platform has confirmed."""
