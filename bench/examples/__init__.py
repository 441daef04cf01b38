"""The example segments of the language, on one shop of any size: by Passerelle and by hand."""
