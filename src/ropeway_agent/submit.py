"""The rules of submit and cancel: one job per key, whatever is killed and whenever; none after a cancel."""

import os
import shutil
import time
from typing import Any, Dict, List, Optional

from ropeway_agent.backends import Backend, backend
from ropeway_agent.claim import Claim, claimed
from ropeway_agent.disk import replace, write_json
from ropeway_agent.errors import Failure
from ropeway_agent.folder import JobFolder, bundle_path, job_folder, job_folders, make_folders
from ropeway_agent.unpack import unpack


def submit(body: Dict[str, Any]) -> Dict[str, Any]:
    """Start the job, or answer the id of the one that is there; None when its recipe has to be sent first.

    Conflict when its key was cancelled.
    """
    folder = job_folder(body)
    make_folders(folder)
    _refuse_cancelled(folder)
    job_id = folder.job_id()
    if job_id is None and os.path.exists(bundle_path(folder.root, body["bundle"])):
        with claimed(folder.path) as claim:
            job_id = _submit_claimed(folder, body, claim)
    return {"job_id": job_id}


def _submit_claimed(folder: JobFolder, body: Dict[str, Any], claim: Claim) -> str:
    _refuse_cancelled(folder)
    scheduler = backend(body["scheduler"])
    job_id = _look(folder, scheduler)
    if job_id is None:
        _prepare(folder, body)
        claim.confirm()
        job_id = scheduler.start(folder, claim)
    folder.record_id(job_id)
    return job_id


def _look(folder: JobFolder, scheduler: Backend) -> Optional[str]:
    """The id file, then the start that left a trace, then the scheduler itself."""
    started = folder.incarnations()
    return folder.job_id() or (started[-1].rpartition(".")[0] if started else None) or scheduler.find(folder)


def _prepare(folder: JobFolder, body: Dict[str, Any]) -> None:
    recipe = folder.at("recipe")
    partial = folder.at("recipe.partial")
    for path in (recipe, partial):
        if os.path.lexists(path):  # of a submit that was killed before it started anything
            shutil.rmtree(path)
    unpack(bundle_path(folder.root, body["bundle"]), body["bundle"], partial)
    os.rename(partial, recipe)
    replace(folder.at("job.sh"), body["script"].encode("utf-8"), mode=0o700)
    kept = {name: body[name] for name in ("scheduler", "bundle", "time", "memory", "grace")}
    write_json(folder.at("job.json"), dict(kept, key=folder.key, submitted=time.time()))


def _refuse_cancelled(folder: JobFolder) -> None:
    if folder.cancelled:
        raise Failure("Conflict", f"submitting {folder.key}: it was cancelled", "submit under a new key")


def find(body: Dict[str, Any]) -> Dict[str, Any]:
    """The job's id; None only when every source answered that there is no such job."""
    folder = job_folder(body)
    return {"job_id": _look(folder, backend(body["scheduler"]))}


def query(body: Dict[str, Any]) -> Dict[str, Any]:
    """The status of each job. NotFound names the keys that were never submitted."""
    folders = job_folders(body)
    found = backend(body["scheduler"]).states(folders)
    refuse_unknown([folder.key for folder in folders if folder.key not in found])
    return {"statuses": [found[folder.key] for folder in folders]}


def refuse_unknown(keys: List[str]) -> None:
    if keys:
        raise Failure("NotFound", f"looking for jobs: never submitted: {', '.join(keys)}")


def cancel(body: Dict[str, Any]) -> Dict[str, Any]:
    """Leave the tombstone, then end what runs. Quiet when it has ended, or never was."""
    folder = job_folder(body)
    make_folders(folder)
    with claimed(folder.path):  # so that no submit is between its look at the tombstone and its start
        if not folder.cancelled:
            replace(folder.at("cancelled"), b"")
    backend(body["scheduler"]).stop(folder)
    return {}


def usage(body: Dict[str, Any]) -> Dict[str, Any]:
    return {"usage": backend(body["scheduler"]).usage(job_folder(body))}
