"""The loader gives every pair once an epoch, to any number of processes, from any sample on, local or remote."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import av
import cv2
import fsspec
import numpy as np
import pytest

from actionpairs.data import examples
from actionpairs.data.batches import Augmentation, BatchSampler
from actionpairs.data.examples import Example
from actionpairs.data.loader import Loader
from actionpairs.errors import ShardError, TrainingError
from actionpairs.storage import Folder
from tests.training.squares import SIDE, write_squares

AUGMENTATION = Augmentation(flip=0.5, conditioning_dropout=0.1, negatives=1, drawn_from="all")


def sampler_of(pairs: tuple[Example, ...]) -> BatchSampler:
    return BatchSampler(pairs, AUGMENTATION, seed=3, batch_size=8)


def names(loader: Loader, start: int, stop: int) -> list[str]:
    return [name for batch in loader.batches(start, stop) for name in batch.names]


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("ranks", [1, 4])
def test_an_epoch_gives_every_pair_once_among_all_processes(
    pairs: tuple[Example, ...], ranks: int, workers: int
) -> None:
    count = len(pairs)
    assert count % 8  # so the last batch of an epoch reaches into the next
    for epoch in range(2):
        seen = Counter(
            name
            for rank in range(ranks)
            for name in names(
                Loader(sampler_of(pairs), SIDE, workers=workers, rank=rank, ranks=ranks),
                epoch * count,
                (epoch + 1) * count,
            )
        )
        assert seen == {pair.name: 1 for pair in pairs}


def test_epochs_have_orders_of_their_own(pairs: tuple[Example, ...]) -> None:
    loader, count = Loader(sampler_of(pairs), SIDE), len(pairs)
    assert names(loader, 0, count) != names(loader, count, 2 * count)


def test_stopped_at_any_sample_it_goes_on_as_if_it_had_not(pairs: tuple[Example, ...]) -> None:
    loader, last = Loader(sampler_of(pairs), SIDE), 3 * len(pairs)
    whole = names(loader, 0, last)
    generator = random.Random(0)
    for sample in [0, 1, 7, 8, len(pairs) - 1, len(pairs), *(generator.randrange(last) for _ in range(6))]:
        fresh = Loader(sampler_of(pairs), SIDE, workers=sample % 3)
        assert names(fresh, 0, sample) + names(fresh, sample, last) == whole


def test_rows_are_those_that_training_takes(pairs: tuple[Example, ...]) -> None:
    sampler = sampler_of(pairs)
    for step, batch in enumerate(Loader(sampler, SIDE).batches(0, 24)):
        assert batch.rows == sampler.rows(step, slice(0, 8))
        assert batch.texts == tuple(row.text for row in batch.rows)
        assert all(
            negative != text
            for text, negatives in zip(batch.texts, batch.negative_texts, strict=True)
            for negative in negatives
        )


def test_both_pictures_are_mirrored_alike_and_never_if_the_text_names_a_side(pairs: tuple[Example, ...]) -> None:
    mirrored = 0
    by_name = {pair.name: pair for pair in pairs}
    for batch in Loader(sampler_of(pairs), SIDE).batches(0, 4 * len(pairs)):
        for row, original, edit in zip(batch.rows, batch.originals, batch.edits, strict=True):
            plain = examples.load_pair(by_name[row.name], SIDE)
            assert np.array_equal(np.stack([original, edit]), plain[:, :, ::-1] if row.flipped else plain)
            assert not (row.flipped and "left" in by_name[row.name].entry.instruction)
            mirrored += row.flipped
    assert mirrored


def test_an_uneven_share_is_refused(pairs: tuple[Example, ...]) -> None:
    with pytest.raises(TrainingError, match="even share of batches of 8"):
        Loader(sampler_of(pairs), SIDE, rank=0, ranks=3)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_remote_folder_gives_the_same_pictures(squares: Path, pairs: tuple[Example, ...], workers: int) -> None:
    store = fsspec.filesystem("memory")
    for path in squares.iterdir():
        if path.is_file():
            store.pipe(f"/remote/{path.name}", path.read_bytes())
    try:
        remote = examples.load_train([Folder("memory://remote")])
        assert [pair.name for pair in remote] == [pair.name for pair in pairs]
        assert_same_pictures(pairs, remote, workers=workers)
    finally:
        store.rm("/remote", recursive=True)


def assert_same_pictures(pairs: tuple[Example, ...], others: tuple[Example, ...], *, workers: int) -> None:
    local, remote = (
        list(Loader(sampler_of(each), SIDE, workers=workers).batches(0, 20)) for each in (pairs, others)
    )
    assert len(local) == len(remote) == 3
    for one, other in zip(local, remote, strict=True):
        assert np.array_equal(one.originals, other.originals)
        assert np.array_equal(one.edits, other.edits)


class Ranged(SimpleHTTPRequestHandler):
    """A file server that supports byte ranges, as object stores do."""

    def do_GET(self) -> None:
        bounds = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        path = Path(self.translate_path(self.path))
        if not bounds or not path.is_file():
            super().do_GET()
            return
        first, last = map(int, bounds.groups())
        data = path.read_bytes()
        part = data[first : last + 1]
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {first}-{first + len(part) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        self.wfile.write(part)

    def log_message(self, *_: object) -> None:
        pass


class Plain(Ranged):
    """A server that ignores byte ranges and sends whole files."""

    do_GET = SimpleHTTPRequestHandler.do_GET  # noqa: N815


@contextmanager
def served(folder: Path, handler: type[SimpleHTTPRequestHandler]) -> Iterator[Folder]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(folder)))
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield Folder(f"http://127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("workers", [0, 2])
def test_shards_on_a_web_server_are_read_by_ranges(tmp_path: Path, workers: int) -> None:
    write_squares(tmp_path)
    pairs = examples.load_train([Folder(tmp_path)])
    with served(tmp_path, Ranged) as folder:
        assert_same_pictures(pairs, examples.load_train([folder]), workers=workers)


def test_a_web_server_without_ranges_is_refused(tmp_path: Path) -> None:
    write_squares(tmp_path)
    with served(tmp_path, Plain) as folder:
        pairs = examples.load_train([folder])
        with pytest.raises(ShardError, match="sends the whole file for a part"):
            list(Loader(sampler_of(pairs), SIDE).batches(0, len(pairs)))


def test_a_batch_is_never_overwritten_by_later_ones(pairs: tuple[Example, ...]) -> None:
    count = 4 * len(pairs)
    kept = list(Loader(sampler_of(pairs), SIDE, workers=2).batches(0, count))
    at_once = [
        (batch.originals.copy(), batch.edits.copy())
        for batch in Loader(sampler_of(pairs), SIDE, workers=2).batches(0, count)
    ]
    for batch, (originals, edits) in zip(kept, at_once, strict=True):
        assert np.array_equal(batch.originals, originals)
        assert np.array_equal(batch.edits, edits)


def test_a_picture_that_cannot_be_decoded_is_named(tmp_path: Path) -> None:
    write_squares(tmp_path)
    pairs = examples.load_train([Folder(tmp_path)])
    entry = pairs[0].entry
    data = bytearray((tmp_path / entry.shard).read_bytes())
    data[entry.edited_offset + 2 : entry.edited_offset + entry.edited_size] = bytes(entry.edited_size - 2)
    (tmp_path / entry.shard).write_bytes(data)
    with pytest.raises(ShardError, match=rf"{entry.shard}: {entry.key}\.edited_image\.jpg cannot be decoded"):
        list(Loader(sampler_of(pairs), SIDE).batches(0, len(pairs)))


def test_a_shard_that_is_too_short_is_named(tmp_path: Path) -> None:
    write_squares(tmp_path)
    pairs = examples.load_train([Folder(tmp_path)])
    last = max(pairs, key=lambda pair: pair.entry.edited_offset).entry
    path = tmp_path / last.shard
    path.write_bytes(path.read_bytes()[: last.edited_offset + 10])
    with pytest.raises(ShardError, match=rf"{last.shard}: ends before {last.key}\.edited_image\.jpg"):
        list(Loader(sampler_of(pairs), SIDE).batches(0, len(pairs)))


@pytest.mark.parametrize("size", [256, 224])
def test_scaled_decoding_is_close_to_full_decoding(shared: Path, size: int) -> None:
    with av.open(str(shared / "videos/sam2_02_cups.mp4")) as container:
        frame = next(container.decode(video=0)).to_ndarray(format="bgr24")
    jpeg = cv2.imencode(".jpg", examples.fit(frame, 512), [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
    scaled = examples._decode(jpeg, (size, size), stored=(512, 512))
    whole = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR_RGB)
    assert scaled is not None
    assert cv2.PSNR(scaled, np.ascontiguousarray(examples.fit(whole, size))) > 38
