"""How thorough the property tests are: HYPOTHESIS_PROFILE is `default`, `dev` (quick) or `fuzz` (`make fuzz`)."""

import os

from hypothesis import HealthCheck, Phase, settings

# Contract tests are slow by nature, and a run that fails must fail again: examples are derived from the tests alone.
settings.register_profile(
    "default",
    max_examples=100,
    stateful_step_count=20,
    deadline=None,
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
# Quick, and without the minutes that shrinking a contract test takes.
settings.register_profile(
    "dev",
    settings.get_profile("default"),
    max_examples=25,
    phases=[Phase.explicit, Phase.generate],
)
settings.register_profile(
    "fuzz", settings.get_profile("default"), max_examples=5_000, stateful_step_count=60, derandomize=False
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
