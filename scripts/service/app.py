"""The ASGI application: routes, problem documents, OpenAPI."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import Depends, FastAPI

from . import problems, routes_info, routes_scans, routes_tensors, routes_text
from .openapi import Application
from .queries import check_query
from .service import Service

_ABOUT = (
    "Vectors of CT scans, slices and texts, and text search over a bank. Errors are RFC 9457 problem documents. "
    "Nothing of a request is stored or logged beyond sizes. A service that was started with a token wants it in each request but those "
    "for `/`, `/healthz` and `/openapi.json`, as `Authorization: Bearer TOKEN`."
)


def application(service: Service, *, token_needed: bool = False) -> FastAPI:
    """All routes over a service, which starts and ends with the application. The pages of FastAPI that load scripts are left out.

    Args:
        service: what answers.
        token_needed: whether the OpenAPI is to say that a token is asked for; who asks for it is the guard.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with service.running():
            yield

    app = Application(
        title="scanbank",
        version=version("scanbank"),
        description=_ABOUT,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        redirect_slashes=False,
    )
    app.token_needed = token_needed
    problems.install(app)
    app.include_router(routes_info.router(service))  # what watches a service may add to its queries, and nothing depends on them
    for module in (routes_text, routes_scans, routes_tensors):
        app.include_router(module.router(service), dependencies=[Depends(check_query)])
    return app
