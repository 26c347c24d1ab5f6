"""The pages: one module for each group, and the routes of all of them."""

from __future__ import annotations

from starlette.routing import Route

from memoryos.frontends.web.site import Change, Site, View, changing, looking
from memoryos.frontends.web.views import (
    forgetting,
    knowledge,
    login,
    model_calls,
    recalling,
    tiers,
    timeline,
    upkeep,
    users,
)

PAGES: dict[str, View] = {
    "/": users.users,
    "/memory": tiers.memory,
    "/segment": tiers.segment,
    "/timeline": timeline.timeline,
    "/page": timeline.page,
    "/knowledge": knowledge.listing,
    "/entry": knowledge.entry,
    "/recall": recalling.recall,
    "/calls": model_calls.calls,
    "/doctor": upkeep.doctor,
    "/files": upkeep.files,
    "/receipts": forgetting.receipts,
    "/job": upkeep.job,
    "/job/file": upkeep.download,
}
"""What only shows."""

CHANGES: dict[str, Change] = {
    "/remember": knowledge.remember,
    "/correct": knowledge.correct,
    "/restore": knowledge.restore,
    "/forget": forgetting.forget,
    "/flush": upkeep.flush,
    "/repair": upkeep.repair,
    "/import": upkeep.import_,
    "/rebuild": upkeep.rebuild,
}
"""What is refused when the page is read-only."""

REQUESTS: dict[str, Change] = {
    "/login": login.enter,
    "/logout": login.leave,
    "/examine": upkeep.examine,
    "/export": upkeep.export,
    "/rebuild/look": upkeep.would_rebuild,
}
"""Forms that change no memory."""


def page_routes(site: Site) -> list[Route]:
    """Return the routes of all pages."""
    return [
        *(Route(path, looking(site, view)) for path, view in PAGES.items()),
        *(
            Route(path, changing(site, change), methods=["POST"])
            for path, change in CHANGES.items()
        ),
        *(
            Route(path, changing(site, change, when_read_only=True), methods=["POST"])
            for path, change in REQUESTS.items()
        ),
        Route("/login", looking(site, login.login)),
        Route("/job/events", upkeep.events(site)),
    ]
