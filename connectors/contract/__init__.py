"""What every source and every destination promises."""
