"""Who judges the edits: a recognizer and feature networks, each only where it was given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from actionpairs import manifest
from actionpairs.errors import ScoreError
from actionpairs.manifest import FileDigest
from actionpairs.metrics import encoders
from actionpairs.metrics.encoders import ClipFeatures, Dinov2Features
from actionpairs.metrics.features import INCEPTION_URL, FeatureNetwork, RecognizerFeatures, TorchScriptFeatures
from actionpairs.metrics.lpips import ALEXNET_URL, Lpips
from actionpairs.recognition import timesformer as recognizers
from actionpairs.recognition.timesformer import Recognizer
from actionpairs.storage import Folder, located

_NO_RECOGNIZER = (
    "No action accuracy: no recognizer was given. Train one on the same shards with `actionpairs train` and a "
    "recipe whose task is recognizer, and name its folder with --recognizer."
)
_ABSENT = {  # kind of network → what is not there without it, and where to get it
    "inception": "No FID or KID: download the standard Inception TorchScript file from "
    f"{INCEPTION_URL} and name it with --features inception=PATH.",
    "lpips": f"No LPIPS: download AlexNet's weights from {ALEXNET_URL} and name the file with "
    "--features lpips=PATH.",
    "clip": "No CMMD, CLIP similarity or CLIP direction: name a CLIP folder or hub id with --features clip=ID, "
    "for example openai/clip-vit-large-patch14-336.",
    "dinov2": "No FD-DINOv2 or DINOv2 similarity: name a DINOv2 folder or hub id with --features dinov2=ID, for "
    "example facebook/dinov2-large.",
}


@dataclass(frozen=True, slots=True)
class Scorers:
    """The judges that there are, and a line on each that says with what it judges or why it is not there."""

    recognizer: Recognizer | None
    networks: tuple[FeatureNetwork, ...]
    lpips: Lpips | None
    notes: tuple[str, ...]
    device: str


def digests(recognizer: str | None, features: Mapping[str, str]) -> dict[str, str]:
    """What names the judges in an order; opens no weights.

    features: kind of network → path or hub id. Raises ScoreError for a kind that there is not, or where a
    network is not found, StorageError where a file is not.
    """
    found = {} if recognizer is None else {"recognizer": manifest.folder_digest(Folder(recognizer))}
    for kind, source in features.items():
        if kind not in _ABSENT:
            raise ScoreError(
                f"--features {kind}: no such feature network.", cure=f"There are: {', '.join(_ABSENT)}."
            )
        if kind in {"inception", "lpips"}:
            found[f"features {kind}"] = FileDigest.of_file(*located(source)).sha256
        else:
            found[f"features {kind}"] = manifest.folder_digest(Folder(encoders.located(source)))
    return found


def appoint(recognizer: str | None, features: Mapping[str, str], *, device: str) -> Scorers:
    """Load the judges. Without an Inception the recognizer's own features serve too, under their own name.

    Raises ModelError or ScoreError where one cannot be loaded.
    """
    judge = None if recognizer is None else recognizers.load(recognizer, device=device)
    digest = "" if recognizer is None else manifest.folder_digest(Folder(recognizer))
    networks = list(_networks(features, device))
    lpips = Lpips(features["lpips"], device=device) if "lpips" in features else None
    if judge is not None and "inception" not in features:
        networks.append(RecognizerFeatures(judge, digest=digest))
    notes = (
        _NO_RECOGNIZER if judge is None else _on_recognizer(judge, digest),
        *map(_on_network, networks),
        *([] if lpips is None else [f"LPIPS: to the real last frames, on AlexNet, digest {lpips.digest[:16]}."]),
        *(line for kind, line in _ABSENT.items() if kind not in features),
    )
    return Scorers(judge, tuple(networks), lpips, notes, device)


def _networks(features: Mapping[str, str], device: str) -> Iterator[FeatureNetwork]:
    if "inception" in features:
        yield TorchScriptFeatures(features["inception"], device=device)
    if "clip" in features:
        yield ClipFeatures(features["clip"], device=device)
    if "dinov2" in features:
        yield Dinov2Features(features["dinov2"], device=device)


def _on_network(network: FeatureNetwork) -> str:
    names = [*network.distances, *filter(None, (network.similarity, network.direction))]
    return f"{', '.join(names)}: against the real last frames, on {network.name}, digest {network.digest[:16]}."


def _on_recognizer(judge: Recognizer, digest: str) -> str:
    half = judge.model.config.num_frames // 2
    return (
        f"Acc: a TimeSformer, digest {digest}, sees [input × {half}, edit × {half}] and chooses among "
        f"{len(judge.actions)} actions."
    )
