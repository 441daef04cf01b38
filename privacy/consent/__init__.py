"""Consent events, notices, policy, resolution and the gate."""
