"""What `/api/openapi.json` says beyond what the framework finds out by itself: in plain words what a request
does, with an example of its body, of its answer and of each refusal. One file for each area; `describe` puts
them in.

A shape names the fields that are always there; more may come. Shapes describe and do not filter: nothing here
is in the way of an answer.
"""

from __future__ import annotations

from gateway.web.described.operation import describe

__all__ = ["describe"]
