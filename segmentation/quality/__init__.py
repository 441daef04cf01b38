"""What is expected of the data that was pulled, and what is repaired of it, on the lake's columns."""
