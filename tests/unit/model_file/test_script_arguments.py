"""What a script sees as its command line."""

import argparse
import optparse
import pickle
import sys
from pathlib import Path

import pytest
from snakeras.model_file import script_arguments

ADVICE = "search.args hands arguments over, as in search.args: [--size, 3]"


def test_the_command_line_is_the_scripts_inside_the_block_alone() -> None:
    before = (sys.argv, argparse.ArgumentParser.error, optparse.OptionParser.error)
    with script_arguments.handed_over(Path("models/mine.py"), ["--size", "3"]):
        assert sys.argv == [str(Path.cwd() / "models" / "mine.py"), "--size", "3"]
        assert sys.argv[1:] == ["--size", "3"]
        # A process that the script starts cannot import our modules yet when it gets it.
        assert type(pickle.loads(pickle.dumps(sys.argv))) is list
        parser = argparse.ArgumentParser()
        parser.add_argument("--size", type=int)
        assert (parser.parse_args().size, parser.prog) == (3, "mine.py")
        sys.argv.append("changed")
    assert (sys.argv, argparse.ArgumentParser.error, optparse.OptionParser.error) == before
    with script_arguments.handed_over(Path("mine.py"), []):
        assert len(sys.argv) == 1


def required() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", required=True)
    parser.add_argument("folder")
    parser.parse_args()


def one_of() -> None:
    parser = argparse.ArgumentParser()
    group = parser.add_mutually_exclusive_group(required=True)
    group.add_argument("--one")
    group.add_argument("--other")
    parser.parse_args()


def old() -> None:
    parser = optparse.OptionParser()
    parser.add_option("--size")
    if not parser.parse_args()[0].size:
        parser.error("--size is needed")


@pytest.mark.parametrize(
    ("ask", "line"),
    [
        (required, "the following arguments are required: --size, folder"),
        (one_of, "one of the arguments --one --other is required"),
        (old, "--size is needed"),
        (lambda: sys.argv[2], "there is no sys.argv[2]"),
    ],
)
def test_what_is_missing_is_named(ask: object, line: str) -> None:
    with (
        pytest.raises((SystemExit, IndexError)) as raised,
        script_arguments.handed_over(Path("mine.py"), []),
    ):
        ask()
    assert str(raised.value) == f"{line}; {ADVICE}"
