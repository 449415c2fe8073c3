"""The base of every section, and the types that several sections share."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Seconds = Annotated[float, Field(strict=True, gt=0, le=86400)]


class Section(BaseModel):
    """Base of every section: immutable, unknown keys refused, no infinities."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, validate_by_name=True, validate_by_alias=True
    )


def _absolute(text: str) -> str:
    if not text.startswith("/"):
        raise ValueError("allowed: an absolute path")
    return text


AbsolutePath = Annotated[str, AfterValidator(_absolute)]
