"""Who was in a segment, run by run: kept, compared, and computed again."""
