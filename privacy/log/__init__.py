"""The RFC 6962 log of events, decisions and batches."""
