"""Looking after memories: doctor, export, import, rebuild; and the jobs that these are."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse

from memoryos.errors import InvalidInput
from memoryos.frontends.importers import FORMATS, detect, import_file
from memoryos.frontends.web.jobs import Job, Progress, new_folder
from memoryos.frontends.web.site import Site, asked, identity_of, ids_of

_SECONDS_BETWEEN_EVENTS = 0.25
_UPLOADED_FORMATS = tuple(name for name in FORMATS if name != "memoryos")
"""Formats of a single file; the published package's data is a folder."""
_OF_ONE_USER = ("jsonl", "export")
"""Formats that name no other user, in whose memory a file could end up."""


def files(site: Site, request: Request) -> Response:
    """Show what can be exported, imported and rebuilt."""
    found = site.memory(request)
    stats = found.stats()
    return site.page(
        request, "server/files.html", scope=found.scope, stats=stats, formats=_UPLOADED_FORMATS
    )


def doctor(site: Site, request: Request) -> Response:
    """Show how to examine the store."""
    site.everybody(request)
    return site.page(request, "server/doctor.html")


def examine(site: Site, request: Request, form: FormData) -> Response:  # noqa: ARG001  # as all
    """Look at the whole store."""
    site.everybody(request)
    job = site.jobs.start(
        "doctor",
        "Examining the store",
        lambda _job, _progress: site.engine.doctor(),
        identity_of(request),
    )
    return site.to("/job", id=job.id)


def repair(site: Site, request: Request, form: FormData) -> Response:  # noqa: ARG001  # as all
    """Look at the whole store, and put right what can be."""
    site.everybody(request)
    job = site.jobs.start(
        "doctor",
        "Repairing the store",
        lambda _job, _progress: site.engine.doctor(repair=True),
        identity_of(request),
    )
    return site.to("/job", id=job.id)


def flush(site: Site, request: Request, form: FormData) -> Response:
    """Do what is pending in a memory."""
    found = site.memory(request, form)
    job = site.jobs.start(
        "flush",
        f"Filing what waits of {found.scope.user_id}",
        lambda _job, _progress: found.flush(),
        identity_of(request),
        found.scope,
    )
    return site.to("/job", id=job.id)


def export(site: Site, request: Request, form: FormData) -> Response:
    """Write a memory to a file to be downloaded."""
    found = site.memory(request, form)
    folder = new_folder()

    def work(_job: Job, progress: Progress) -> dict[str, int]:
        path = folder / "memory.jsonl"
        lines = found.export(path, progress=progress)
        return {"lines": lines, "bytes": path.stat().st_size}

    title = f"Exporting {found.scope.user_id}"
    job = site.jobs.start("export", title, work, identity_of(request), found.scope, folder)
    return site.to("/job", id=job.id)


def import_(site: Site, request: Request, form: FormData) -> Response:
    """Bring an uploaded file into a memory."""
    found = site.memory(request, form)
    upload, format_ = form.get("file"), str(form.get("format", "")) or None
    if not isinstance(upload, UploadFile) or not upload.filename:
        raise InvalidInput("choose a file to import")
    if format_ is not None and format_ not in _UPLOADED_FORMATS:
        raise InvalidInput(f"format must be one of {', '.join(_UPLOADED_FORMATS)}")
    folder = new_folder()
    path = folder / "import"
    with path.open("wb") as file:
        shutil.copyfileobj(upload.file, file)
    if identity_of(request).user_id is not None:
        format_ = format_ or detect(path)
        if format_ not in _OF_ONE_USER:
            shutil.rmtree(folder, ignore_errors=True)
            raise InvalidInput(f"with a user's token a file may be one of {_OF_ONE_USER}")

    def work(_job: Job, progress: Progress) -> Any:
        scope = found.scope
        report = import_file(
            site.engine,
            path,
            format_,
            user_id=scope.user_id,
            assistant_id=scope.assistant_id,
            progress=progress,
        )
        path.unlink(missing_ok=True)
        return report

    title = f"Importing into {found.scope.user_id}"
    job = site.jobs.start("import", title, work, identity_of(request), found.scope, folder)
    return site.to("/job", id=job.id)


def rebuild(site: Site, request: Request, form: FormData) -> Response:
    """Derive a memory again from its journal."""
    return _rebuild(site, request, form, dry_run=False)


def would_rebuild(site: Site, request: Request, form: FormData) -> Response:
    """Show what a rebuild would change."""
    return _rebuild(site, request, form, dry_run=True)


def _rebuild(site: Site, request: Request, form: FormData, *, dry_run: bool) -> Response:
    found = site.memory(request, form)
    title = f"{'Looking what a rebuild changes of' if dry_run else 'Rebuilding'} "
    job = site.jobs.start(
        "look" if dry_run else "rebuild",
        title + found.scope.user_id,
        lambda _job, progress: found.rebuild(dry_run=dry_run, progress=progress),
        identity_of(request),
        found.scope,
    )
    return site.to("/job", id=job.id)


# ── jobs ─────────────────────────────────────────────────────────────────────────────────────


def job(site: Site, request: Request) -> Response:
    """Show how far a job is, or what has come of it."""
    found = _job(site, request)
    scope = found.scope
    return site.page(
        request, "server/job.html", scope=scope, job=found, back=ids_of(scope) if scope else {}
    )


def download(site: Site, request: Request) -> Response:
    """Give out the file that an export has made."""
    found = _job(site, request)
    if found.kind != "export" or found.state != "done" or found.folder is None:
        raise HTTPException(404, "There is no such file.")
    path: Path = found.folder / "memory.jsonl"
    return FileResponse(path, media_type="application/jsonl", filename="memory.jsonl")


def events(site: Site) -> Callable[[Request], Any]:
    """Return the endpoint that tells the progress of a job as server-sent events, until it ends."""

    async def endpoint(request: Request) -> Response:
        found = _job(site, request)
        return StreamingResponse(_told(found), media_type="text/event-stream")

    return endpoint


async def _told(found: Job) -> AsyncIterator[str]:
    before = None
    while True:
        now = found.snapshot()
        if now != before:
            yield f"data: {json.dumps(now)}\n\n"
            before = now
        if found.ended:
            return
        await asyncio.sleep(_SECONDS_BETWEEN_EVENTS)


def _job(site: Site, request: Request) -> Job:
    found = site.jobs.get(asked(request, "id"), identity_of(request))
    if found is None:
        raise HTTPException(404, "There is no such job; its results are kept for a while only.")
    return found
