"""`make year`: the recorded year through the whole chain. Killed and started again, it goes on where it was.

    python -m year --home DIRECTORY [--since 2013-05-01] [--until 2014-01-01] [--days 7] [--scenario FILE]

Started by any Python 3.11, it goes on in the edge's environment.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
PREPARED = ROOT / "serving" / "edge" / ".venv"


def parse_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m year", description="A year in production.")
    parser.add_argument("--home", type=Path, default=ROOT / ".windsock" / "year", help="everything is kept here")
    parser.add_argument("--since", default="2013-05-01", help="the first model's time")
    parser.add_argument("--until", default="2014-01-01", help="the last day, and not it")
    parser.add_argument("--days", type=int, default=1, help="how often data are judged and answers watched")
    parser.add_argument("--scenario", type=Path, help="a TOML file of what goes wrong; default: nothing")
    parser.add_argument("--report", type=Path, help="where the page goes; default: year.html in the home")
    return parser.parse_args(arguments)


def run(options: argparse.Namespace) -> int:
    """Every stage that has not ended, a line each, and the page at the end."""
    from windsock.contracts.clock import parse_time
    from windsock.contracts.files import write_text
    from windsock.contracts.lock import held
    from windsock.contracts.use_case import load_use_case

    from year.journal import Journal
    from year.page import year_page
    from year.plan import periods, plan
    from year.run import Run
    from year.scenario import Scenario

    home, report = options.home.resolve(), options.report or options.home / "year.html"
    use_case = load_use_case(ROOT / "feature_repo")
    scenario = Scenario.read(options.scenario) if options.scenario else None
    since, until = parse_time(options.since, "--since").date(), parse_time(options.until, "--until").date()
    calendar = periods(since, until, options.days, scenario.days if scenario else ())
    stages = plan(calendar, -(-use_case.label.mature_after_hours // 24))
    journal = Journal(home / "journal.jsonl")
    home.mkdir(parents=True, exist_ok=True)
    with held(home / "lock") as mine:
        if not mine:
            print("year: another process runs it", file=sys.stderr)
            return 1
        try:
            Run(home, scenario, journal, stages).go()
        finally:
            if ended := journal.read():
                write_text(report, year_page(use_case, ended, scenario))
                print(f"report {report}", flush=True)
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs and turns what goes wrong into one line and an exit code."""
    from windsock.contracts.errors import EXIT_BAD_INPUT, EXIT_CRASHED, InputError

    try:
        return run(parse_options(arguments))
    except InputError as error:
        print(f"year: {error}", file=sys.stderr)
        return EXIT_BAD_INPUT
    except OSError as error:
        print(f"year: {error}", file=sys.stderr)
        return EXIT_CRASHED
    except KeyboardInterrupt:
        print("\nyear: interrupted; run it again, and it goes on", file=sys.stderr)
        return 130


def enter_environment() -> None:
    """Goes on in the prepared environment where this is another one."""
    if Path(sys.prefix).resolve() == PREPARED.resolve():
        return
    python = PREPARED / "bin" / "python"
    if not python.exists():
        sys.exit("year: the environment of serving/edge is missing: run `make environments`")
    os.execv(python, [str(python), "-m", "year", *sys.argv[1:]])  # noqa: S606


if __name__ == "__main__":
    enter_environment()
    sys.exit(main())
