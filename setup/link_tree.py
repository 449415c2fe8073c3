"""Makes the packages of this folder importable in the running environment, and `gateway` a command of it."""

import os
import sys
import sysconfig
from pathlib import Path

TREE = Path(__file__).resolve().parent.parent

COMMAND = """#!{python}
import sys

from gateway.cli import main

sys.exit(main())
"""


def write(file: Path, text: str, mode: int) -> None:
    """Write in one rename, and only when the text is another one."""
    if file.exists() and file.read_text(encoding="utf-8") == text:
        return
    new = file.with_name(f".{file.name}.new")
    new.write_text(text, encoding="utf-8")
    new.chmod(mode)
    os.replace(new, file)


if __name__ == "__main__":
    paths = sysconfig.get_paths()
    write(Path(paths["purelib"]) / "supervision_gateway.pth", f"{TREE}\n", 0o644)
    write(Path(paths["scripts"]) / "gateway", COMMAND.format(python=sys.executable), 0o755)
