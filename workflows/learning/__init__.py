"""What is kept of fitted models, whatever they say of people."""
