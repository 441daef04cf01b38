"""What holds for all tests."""

import os

from hypothesis import HealthCheck, settings

# A run of these tests says the same each time; PASSERELLE_EXPLORE=1 looks for examples that nobody has seen. A busy
# machine is no reason to fail: pytest's own timeout ends what hangs.
settings.register_profile(
    "passerelle",
    deadline=None,
    derandomize="PASSERELLE_EXPLORE" not in os.environ,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
settings.load_profile("passerelle")
