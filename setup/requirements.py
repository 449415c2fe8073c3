"""Prints what pip must install.

One requirement a line, from pyproject.toml, with the extras that are named.
"""

import re
import sys
import tomllib
from pathlib import Path


def requirements(text: str, extras: list[str]) -> list[str]:
    """Build and run-time dependencies and those of `extras`, without blanks and repeats.

    Raises KeyError for an unknown extra.
    """
    project = tomllib.loads(text)
    listed = [*project["build-system"]["requires"], *project["project"]["dependencies"]]
    for extra in extras:
        listed += project["project"]["optional-dependencies"][extra]
    return list(dict.fromkeys(re.sub(r"\s+", "", requirement) for requirement in listed))


if __name__ == "__main__":
    toml = Path(__file__).parent.parent / "pyproject.toml"
    print("\n".join(requirements(toml.read_text(encoding="utf-8"), sys.argv[1:])))
