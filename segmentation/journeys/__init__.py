"""How far people come in funnels, where they stand on ladders, and which way they take: figures for people to read.

Nothing is told of fewer people than a minimum.
"""
