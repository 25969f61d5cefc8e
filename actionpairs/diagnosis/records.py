"""What `doctor` reports. None stands for what cannot be told here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Extra:
    """An extra of the package: what of it is not installed, or too old, and the command that installs it."""

    name: str
    lacks: tuple[str, ...]
    cure: str


@dataclass(frozen=True, slots=True)
class Packages:
    """Versions by package, "" where it is not installed; what the package itself lacks; and its extras.

    installed_from: an index, a file, git or a folder. warnings: packages that get into each other's way.
    """

    versions: Mapping[str, str]
    installed_from: str
    lacks: tuple[str, ...]
    extras: tuple[Extra, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Processors:
    """How many cores there are, may be used (affinity), and may be kept busy (quota of a cgroup).

    granted: by name of a scheduler's variable, such as SLURM_CPUS_PER_TASK.
    """

    cores: int | None
    usable: int | None
    quota: float | None
    granted: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of memory: of the machine, free now, and the limit of the cgroup."""

    total_bytes: int | None
    available_bytes: int | None
    limit_bytes: int | None


@dataclass(frozen=True, slots=True)
class Device:
    """A device that torch can use. compute: its CUDA capability, such as 9.0, or "" for others."""

    kind: str
    name: str
    memory_bytes: int | None
    free_bytes: int | None
    compute: str
    has_kernels: bool


@dataclass(frozen=True, slots=True)
class Devices:
    """What torch says of this machine. built_for: CUDA 12.8, ROCm 6.4 or CPU. error: why torch says nothing."""

    built_for: str
    devices: tuple[Device, ...]
    error: str


@dataclass(frozen=True, slots=True)
class Codecs:
    """Which codecs the build of PyAV decodes and encodes: codec → the name of its coder, "" for none."""

    ffmpeg: str
    libraries: Mapping[str, str]
    decoders: Mapping[str, str]
    encoders: Mapping[str, str]
    error: str


@dataclass(frozen=True, slots=True)
class Place:
    """A folder where commands write: its free and total bytes, and whether it can be written to."""

    name: str
    free_bytes: int | None
    total_bytes: int | None
    writable: bool


@dataclass(frozen=True, slots=True)
class SelfTest:
    """Whether a rendered clip came back as it was rendered. steps: what was done; error: what went wrong."""

    works: bool
    seconds: float
    steps: tuple[str, ...]
    error: str


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All of it, with a verdict. works: `extract` and `shard` work here. open_files: soft and hard limit."""

    works: bool
    verdict: str
    python: str
    platform: str
    packages: Packages
    processors: Processors
    memory: Memory
    devices: Devices
    codecs: Codecs
    places: tuple[Place, ...]
    open_files: tuple[int | None, int | None]
    settings: Mapping[str, str]
    self_test: SelfTest
    warnings: tuple[str, ...]
