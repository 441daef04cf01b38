"""What holds for all tests."""

from hypothesis import settings

# A busy machine is no reason to fail: pytest's own timeout ends what hangs.
settings.register_profile("passerelle", deadline=None)
settings.load_profile("passerelle")
