"""Who judges the edits: a recogniser and a feature network, each only where it was given."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from actionpairs.learning import recogniser as recognisers
from actionpairs.learning.recogniser import Recogniser
from actionpairs.manifest import FileDigest
from actionpairs.scoring import contestants
from actionpairs.scoring.features import INCEPTION_URL, FeatureNetwork, RecogniserFeatures, TorchScriptFeatures
from actionpairs.storage import Folder

_NO_RECOGNISER = (
    "No action accuracy: no recogniser was given. Train one on the same shards with `actionpairs train` and a "
    "recipe whose task is recogniser, and name its folder with --recogniser."
)
_NO_FEATURES = (
    "No FID or KID: no feature network was given. Download the standard Inception TorchScript file from "
    f"{INCEPTION_URL} and name it with --features."
)


@dataclass(frozen=True, slots=True)
class Judges:
    """The judges that there are, and a line on each that says with what it judges or why it is not there."""

    recogniser: Recogniser | None
    network: FeatureNetwork | None
    notes: tuple[str, ...]


def digests(recogniser: str | None, features: str | None) -> dict[str, str]:
    """What names the judges in an order; opens no weights. Raises StorageError where a file is not there."""
    found = {}
    if recogniser is not None:
        found["recogniser"] = contestants.digest(Path(recogniser))
    if features is not None:
        path = Path(features)
        found["features"] = FileDigest.of_file(Folder(path.parent), path.name).sha256
    return found


def appoint(recogniser: str | None, features: str | None, *, device: str) -> Judges:
    """Load the judges. Without a feature network the recogniser's own features serve, under their own name.

    Raises ModelError or ScoreError where one cannot be loaded.
    """
    judge = None if recogniser is None else recognisers.load(recogniser, device=device)
    digest = "" if recogniser is None else contestants.digest(Path(recogniser))
    notes = [_NO_RECOGNISER if judge is None else _on_recogniser(judge, digest)]
    network: FeatureNetwork | None = None
    if features is not None:
        network = TorchScriptFeatures(features, device=device)
    else:
        notes.append(_NO_FEATURES)
        if judge is not None:
            network = RecogniserFeatures(judge, digest=digest)
    if network is not None:
        notes.append(_on_network(network))
    return Judges(judge, network, tuple(notes))


def _on_network(network: FeatureNetwork) -> str:
    return (
        f"{network.frechet_name} and {network.kernel_name}: Fréchet and kernel distance of the edits to the real "
        f"last frames, on {network.name}, digest {network.digest[:16]}."
    )


def _on_recogniser(judge: Recogniser, digest: str) -> str:
    half = judge.model.config.num_frames // 2
    return (
        f"Acc: a TimeSformer, digest {digest}, sees [input × {half}, edit × {half}] and chooses among "
        f"{len(judge.actions)} actions."
    )
