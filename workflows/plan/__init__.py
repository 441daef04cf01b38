"""Plans: who would go in and come out, and why; kept, compared and approved before anything is sent."""
