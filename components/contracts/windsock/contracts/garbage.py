"""How often a short process looks for garbage that counting references does not find."""

import gc

# Python's own numbers are 700, 10 and 10. Joining labels then takes a third longer than without looking at all, and
# with these as long.
COLLECT_AFTER = (50_000, 20, 100)


def collect_seldom() -> None:
    """Looks for cycles seldom: a step makes records by the hundred thousand, hardly one in a cycle, and ends soon."""
    gc.set_threshold(*COLLECT_AFTER)
