"""Parameters of queries: those that a route does not know are refused, as a misspelt one would be passed over without a word."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import Request

from .problems import Problem


async def check_query(request: Request) -> None:
    """A dependency of routes.

    Raises:
        Problem: 422 where the query has a parameter that the OpenAPI does not list for the route, or one of a single value twice. The
            names that were sent are not repeated; those that are known are.
    """
    if not request.query_params:
        return
    known = _known(request.app.openapi(), request.scope["route"].path, request.method.lower())
    given = [name for name, _ in request.query_params.multi_items()]
    if not known.keys() >= set(given):
        takes = f"expected only {', '.join(sorted(known))}" if known else "this request takes none"
        raise Problem(422, f"query: has a parameter that is not known here; {takes}")
    for name, several in known.items():
        if not several and given.count(name) > 1:
            raise Problem(422, f"query.{name}: is given {given.count(name)} times; expected once")


def _known(openapi: Mapping[str, Any], path: str, method: str) -> dict[str, bool]:
    """The route's parameters, and whether each may come several times."""
    parameters = openapi["paths"][path][method].get("parameters", ())
    return {one["name"]: _is_list(one["schema"]) for one in parameters if one["in"] == "query"}


def _is_list(schema: Mapping[str, Any]) -> bool:
    return any(one.get("type") == "array" for one in (schema, *schema.get("anyOf", ())))
