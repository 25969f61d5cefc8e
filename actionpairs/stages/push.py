"""push: a finished folder in; a repository on the hub with exactly its files out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from actionpairs import shards
from actionpairs.errors import StorageError
from actionpairs.hub import address, client
from actionpairs.hub.address import HubAddress, Kind
from actionpairs.manifest import MANIFEST_FILE, FileDigest, json_bytes
from actionpairs.stages.verify import check_file_list
from actionpairs.storage import Folder
from actionpairs.uploads import cards, folders, licenses, privacy, upload
from actionpairs.uploads.folders import CARD_FILE, PushedFolder
from actionpairs.uploads.upload import RemoteState, UploadedFile
from actionpairs.version import PACKAGE_VERSION


@dataclass(frozen=True, slots=True)
class PushSummary:
    """The result of `push`.

    visibility: private or public. new_files, megabytes: files that were not there, and their size; in a dry run,
    all of them. present: files that were there. others: files of the repository that are not of this folder, and
    stay. shortened: paths of this machine, and what stands there in their place. url: what reads it back, with its
    commit; empty in a dry run, like `out`, the repository's page.
    """

    folder: str
    content: str
    repository: str
    visibility: str
    new_files: int
    megabytes: float
    present: int
    others: int
    shortened: Mapping[str, str]
    url: str
    out: str


# 6 parameters: what is pushed, where to, and how
def push(
    folder: str,
    url: str,
    *,
    private: bool = True,
    message: str | None = None,
    dry_run: bool = False,
    i_have_the_right: bool = False,
) -> PushSummary:
    """Send a finished folder of `shard`, `train`, `eval` or `compare` to a repository of the Hugging Face Hub.

    url: hf://OWNER/NAME, with @BRANCH or /SUBFOLDER behind it if wanted; the kind of repository follows from the
    folder. private: of a new repository; one that everyone may read is refused. message: of the commit. dry_run:
    check everything, and ask the hub nothing. i_have_the_right: send frames whose license does not let everyone
    pass them on. The same call again sends what is missing. Raises StorageError, ShardError, UnreachableError.
    """
    pushed = folders.recognize(Folder(folder))
    where = _destination(pushed, url)
    api = client.connect(needed_for=url)
    if not i_have_the_right:
        licenses.check(pushed)
    if pushed.content == "shards":
        check_file_list(pushed.folder, pushed.manifest.files, shards.load_index(pushed.folder).shards)
    folders.check_files(pushed)
    files, shortened = _files(pushed, where.kind)
    state = RemoteState("", {}, private) if dry_run else upload.open_repository(where, private=private)
    summary = _plan(pushed, where, files, state, shortened)
    if dry_run:
        return summary
    text = message or f"{pushed.content.capitalize()} {pushed.manifest.recipe}, by actionpairs {PACKAGE_VERSION}"
    commit = upload.send(where, files, state, text)
    return replace(summary, url=where.at(commit).url, out=f"{api.endpoint}/{where.page}")


def _plan(
    pushed: PushedFolder,
    where: HubAddress,
    files: Mapping[str, UploadedFile],
    state: RemoteState,
    shortened: Mapping[str, str],
) -> PushSummary:
    """What is sent, and what is there already."""
    others = _others(pushed, where, files, state)
    missing = upload.changed(files, state)
    return PushSummary(
        folder=str(pushed.folder),
        content=pushed.content,
        repository=where.url,
        visibility="private" if state.private else "public",
        new_files=len(missing),
        megabytes=round(sum(file.digest.size_bytes for file in missing.values()) / 1e6, 1),
        present=len(files) - len(missing),
        others=len(others),
        shortened=shortened,
        url="",
        out="",
    )


def _destination(pushed: PushedFolder, url: str) -> HubAddress:
    """The repository, of the kind that suits the folder if the address does not say one."""
    if not address.is_repository(url):
        raise StorageError(f"{url}: not on the hub.", cure=f"Write it as {address.FORM}.")
    where = address.parse(url)
    if where.is_pinned or (where.revision or "").startswith("refs/convert"):
        raise StorageError(f"{where.url}: a commit does not change.", cure="Name a branch after the @, or none.")
    if not where.has_kind:
        return replace(where, kind=pushed.kind)
    allowed: set[Kind] = {pushed.kind, "dataset"} if pushed.is_report else {pushed.kind}
    if where.kind not in allowed:
        raise StorageError(
            f"{url}: a {where.kind}, and {pushed.folder} holds {pushed.content}.",
            cure=f"Write it as {replace(where, kind=pushed.kind).url}.",
        )
    return where


def _files(pushed: PushedFolder, kind: Kind) -> tuple[dict[str, UploadedFile], Mapping[str, str]]:
    """Every file as it goes up, and the paths that were shortened. The manifest has the digests of these files."""
    folder, names = pushed.folder, folders.names(pushed)
    cleaned = privacy.clean(folder, names, pushed.config)
    texts = dict(cleaned.texts)
    if CARD_FILE not in names:
        report = texts.get("report.md") or (folder.read_bytes("report.md") if "report.md" in names else None)
        texts[CARD_FILE] = cards.for_report(pushed, kind, report)
    cards.check(pushed, texts.get(CARD_FILE) or folder.read_bytes(CARD_FILE), kind)
    content = json.loads(texts.get(MANIFEST_FILE) or folder.read_bytes(MANIFEST_FILE))
    for name in sorted(texts.keys() & content["files"].keys()):
        content["files"][name] = asdict(FileDigest.of(texts[name]))
        texts[MANIFEST_FILE] = json_bytes(content)
    files = {}
    for name in sorted({*names, *texts}):
        if name in texts:
            files[name] = UploadedFile(texts[name], FileDigest.of(texts[name]))
        else:
            digest = pushed.manifest.files.get(name) or FileDigest.of_file(folder, name)
            files[name] = UploadedFile(folder.local_path(name), digest)
    return files, cleaned.replaced


def _others(
    pushed: PushedFolder, where: HubAddress, files: Mapping[str, UploadedFile], state: RemoteState
) -> Sequence[str]:
    """What the repository has besides. Raises StorageError for other shards: they would be loaded with these."""
    others = sorted(set(state.hashes) - set(files))
    tars = [name for name in others if name.endswith(".tar") and "/" not in name]
    if pushed.content == "shards" and tars:
        patterns = " ".join(where.inside(name) for name in tars[:5])
        raise StorageError(
            f"{where.url}: it has {len(tars)} shards that are not of {pushed.folder}, such as {tars[0]}, and "
            "`datasets` would load them too.",
            cure="Push to another repository or branch; or look at them, and remove them: "
            f"hf repos delete-files {where.repository} {patterns} --type dataset",
        )
    return others
