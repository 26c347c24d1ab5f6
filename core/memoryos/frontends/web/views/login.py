"""The page that asks for the token, and the cookie that stands for it afterwards."""

from __future__ import annotations

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from memoryos.frontends.web.identity import COOKIE
from memoryos.frontends.web.site import Site, asked


def login(site: Site, request: Request) -> Response:
    """Ask for the token."""
    return site.page(request, "server/login.html", next=asked(request, "next"), wrong=False)


def enter(site: Site, request: Request, form: FormData) -> Response:
    """Take the token, and lead to where one wanted to go."""
    token = str(form.get("token", "")).strip()
    wanted = str(form.get("next", ""))
    if site.keys.of_token(token) is None:
        return site.page(request, "server/login.html", 403, next=wanted, wrong=True)
    # Only a path of this server: "//elsewhere" and "/\\elsewhere" are other servers to a browser.
    here = wanted.startswith("/") and wanted[1:2] not in ("/", "\\") and wanted.isprintable()
    answer = RedirectResponse(wanted if here else "/", 303)
    answer.set_cookie(
        COOKIE,
        site.keys.cookie(token),
        httponly=True,
        samesite="strict",
        # A proxy that speaks TLS for this server leaves no other sign of it.
        secure=request.headers.get("origin", "").startswith("https:"),
    )
    return answer


def leave(site: Site, request: Request, form: FormData) -> Response:  # noqa: ARG001  # as all
    """Forget the browser."""
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return answer
