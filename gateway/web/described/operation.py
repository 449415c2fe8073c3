"""One request as people read of it, and how that gets into the OpenAPI description."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, Field, TypeAdapter

from gateway.web.errors import BAD_TOKEN

Schema = dict[str, Any]
JSON = "application/json"
HINTS = {
    401: BAD_TOKEN.hint,
    403: "ask the telephony admin for the role or team that this needs",
    404: "GET /api/calls and GET /api/alerts list what there is",
    409: "the request does not fit the state that the call or alert is in now",
    413: "docs/api.md describes what may be sent",
    422: "docs/api.md describes what may be sent",
    429: "wait; a browser that you have signed in with before need not",
    503: "the gateway's admin finds the reason in its log; calls go on",
}
MEANINGS = {
    401: "Not signed in",
    403: "You may not",
    404: "There is none (any more), or not for you",
    409: "The state it is in does not allow it",
    413: "Too long",
    422: "A field is wrong; `error` says which",
    429: "Too many wrong passwords; see Retry-After",
    503: "Not now",
}


class Refusal(BaseModel):
    """Why not, in words that may be shown to a person."""

    error: str
    hint: str = Field(description="what to do about it")


@dataclass(frozen=True, slots=True)
class Answer:
    words: str
    shape: Any = None
    """A type that pydantic knows; None: no body, or what `media` alone describes."""
    example: Any = None
    media: str = JSON


@dataclass(frozen=True, slots=True)
class Operation:
    summary: str
    answers: Mapping[int, Answer]
    refused: Mapping[int, str] = field(default_factory=dict)
    """By status: the `error` of an example."""
    body: Any = None
    """An example of what is sent."""


def describe(api: Schema, operations: Mapping[str, Operation]) -> None:
    """Add to an OpenAPI description (3.1), by `VERB /path`; what has no entry is left as it is."""
    shapes = api.setdefault("components", {}).setdefault("schemas", {})
    for path, verbs in api["paths"].items():
        for verb, found in verbs.items():
            if told := operations.get(f"{verb.upper()} {path}"):
                _add(found, told, shapes)
    for framework in ("HTTPValidationError", "ValidationError"):
        shapes.pop(framework, None)


def _add(found: Schema, told: Operation, shapes: Schema) -> None:
    found["summary"] = told.summary
    if told.body is not None:
        found["requestBody"]["content"][JSON]["example"] = told.body
    responses: Schema = {}
    for status, answer in told.answers.items():
        responses[str(status)] = {"description": answer.words, **_content(answer, shapes)}
    for status, error in told.refused.items():
        example = {"error": error, "hint": HINTS[status]}
        refusal = Answer(MEANINGS[status], Refusal, example)
        responses[str(status)] = {"description": refusal.words, **_content(refusal, shapes)}
    found["responses"] = responses


def _content(answer: Answer, shapes: Schema) -> Schema:
    if answer.example is None:
        return {}
    schema: Schema = {"type": "string"} if answer.shape is None else _schema(answer.shape, shapes)
    return {"content": {answer.media: {"schema": schema, "example": answer.example}}}


def _schema(shape: Any, shapes: Schema) -> Schema:
    """The shape's schema; the named ones that it is made of go to `shapes`."""
    template = "#/components/schemas/{model}"
    schema = TypeAdapter(shape).json_schema(ref_template=template)
    shapes.update(schema.pop("$defs", {}))
    if isinstance(shape, type) and issubclass(shape, BaseModel):
        shapes[shape.__name__] = schema
        return {"$ref": template.format(model=shape.__name__)}
    return schema
