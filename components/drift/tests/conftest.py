"""A busy machine makes no test fail: generated examples have no deadline."""

from hypothesis import settings

settings.register_profile("windsock", deadline=None)
settings.load_profile("windsock")
