"""Figures that the tests see, printed as one table after the run, and stated nowhere else by hand."""

from __future__ import annotations

FIGURES: list[tuple[str, str]] = []


def figure(name: str, value: str) -> None:
    """One line of the closing table."""
    FIGURES.append((name, value))
