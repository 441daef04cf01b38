"""The verbs: one module each, with a typed request, a typed result, what runs and how it reads."""
