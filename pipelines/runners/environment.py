"""The environment variables of every step on this machine: the same result however often, and a log that is whole."""

STEP_ENVIRONMENT = {"PYTHONHASHSEED": "0", "TZ": "UTC", "PYTHONUNBUFFERED": "1"}
