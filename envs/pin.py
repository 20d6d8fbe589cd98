"""Bring the versions in envs/*.yaml in line with the lock, requirements.txt."""

import re
from pathlib import Path

ENVS = Path(__file__).parent
PIN = re.compile(r"^(?P<before> *- )(?P<name>[\w.-]+)(?P<equals>==?)(?P<version>[\w.]+)$", re.MULTILINE)


def locked() -> dict[str, str]:
    """Version of each package in the lock."""
    return dict(re.findall(r"^([\w.-]+)==([\w.]+)", (ENVS / "requirements.txt").read_text(), re.MULTILINE))


def pinned(text: str, versions: dict[str, str]) -> str:
    """Return an environment file's text with the versions of the lock, which does not have python itself."""

    def pin(match: re.Match) -> str:
        version = versions.get(match["name"], match["version"])
        return f"{match['before']}{match['name']}{match['equals']}{version}"

    return PIN.sub(pin, text)


if __name__ == "__main__":
    for path in sorted(ENVS.glob("*.yaml")):
        path.write_text(pinned(path.read_text(), locked()))
