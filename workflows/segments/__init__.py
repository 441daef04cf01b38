"""One segment, looked at: a page with pictures, and its members from run to run."""
