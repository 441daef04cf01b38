"""Where cleared audiences go."""
