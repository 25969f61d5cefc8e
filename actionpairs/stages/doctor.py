"""doctor: what this machine has and lacks, a test of extract and shard, and a verdict."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

from actionpairs.diagnosis import machine, packages, privacy, settings, video_codecs
from actionpairs.diagnosis.devices import DeviceProbe
from actionpairs.diagnosis.records import Diagnosis, Packages, SelfTest
from actionpairs.errors import one_line

_FEW_FILES = 1024  # `shard` keeps up to 960 files open
_LITTLE_DISK = 2_000_000_000


def doctor() -> Diagnosis:
    """Look at everything that commands depend on, and try extract and shard on a clip.

    Nothing in it says who or where somebody is: no home folder, no name of a user or host, no secret.
    """
    probe = DeviceProbe()
    installed = packages.installed()
    test = _self_test()
    diagnosis = Diagnosis(
        works=test.works and not installed.lacks,
        verdict=_verdict(installed, test),
        python=platform.python_version(),
        platform=platform.platform(),
        packages=installed,
        processors=machine.processors(),
        memory=machine.memory(),
        devices=probe.result(),
        codecs=video_codecs.codecs(),
        places=machine.places(),
        open_files=machine.open_files(),
        settings=settings.settings(),
        self_test=test,
        warnings=(),
    )
    complete: Diagnosis = _masked(replace(diagnosis, warnings=(*installed.warnings, *_warnings(diagnosis))))
    return complete


def _self_test() -> SelfTest:
    """The test; where a package that it needs cannot be imported, that is its result."""
    try:
        from actionpairs.stages import self_test
    except Exception as error:  # a broken package raises whatever it likes
        return SelfTest(False, 0.0, (), f"{type(error).__name__}: {one_line(error)}")
    return self_test.run()


def _verdict(installed: Packages, test: SelfTest) -> str:
    if installed.lacks:
        return f"extract and shard do not work here: not installed: {', '.join(installed.lacks)}"
    if not test.works:
        return f"extract and shard do not work here: {test.error}"
    train = next((extra for extra in installed.extras if extra.name == "train"), None)
    if train is not None and train.lacks:
        return "extract and shard work here; train, eval, edit and demo need the extra `train`"
    return "extract and shard work here"


def _warnings(facts: Diagnosis) -> Iterator[str]:
    """What works, and will surprise."""
    cores, soft = facts.processors, facts.open_files[0]
    if cores.quota and cores.usable and cores.quota < cores.usable:
        yield (
            f"commands start {cores.usable} processes, and a cgroup grants {cores.quota:g} cores: "
            f"give `--workers {max(1, round(cores.quota))}`"
        )
    if soft is not None and soft < _FEW_FILES:
        yield f"a process may have {soft} open files, and shard needs up to {_FEW_FILES}: `ulimit -n {_FEW_FILES}`"
    for place in facts.places:
        if place.name != "shared memory" and place.free_bytes is not None and place.free_bytes < _LITTLE_DISK:
            yield f"{place.name}: little space is left"
        if not place.writable:
            yield f"{place.name}: cannot be written to"
    if facts.devices.error:
        yield f"torch is installed, and cannot be used: {facts.devices.error}"
    for device in facts.devices.devices:
        if not device.has_kernels:
            yield f"this build of torch has no kernels for {device.name} ({device.compute}): install another build"
    missing = [codec for codec, name in facts.codecs.decoders.items() if not name]
    if missing:
        yield f"this build of PyAV does not decode {', '.join(missing)}: videos in them are rejected"
    if not all(facts.codecs.encoders.values()):
        yield "this build of PyAV has no libx264, so `demo` cannot render its videos"


def _masked(value: Any) -> Any:
    """A record, and those in it, without what is private in any of their texts."""
    if is_dataclass(value) and not isinstance(value, type):
        return type(value)(**{field.name: _masked(getattr(value, field.name)) for field in fields(value)})
    if isinstance(value, tuple):
        return tuple(map(_masked, value))
    if isinstance(value, Mapping):
        return {key: _masked(item) for key, item in value.items()}
    return privacy.masked(value) if isinstance(value, str) else value
