"""The worked example of docs/online-retail: made from real invoice lines, and compared with its page."""
