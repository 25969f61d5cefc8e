"""A diagnosis as lines to read, and to paste into a report of an error."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from actionpairs.diagnosis.records import Codecs, Device, Diagnosis, Extra, Memory, Processors

_WIDTH = 22


def format_diagnosis(facts: Diagnosis) -> str:
    """All of it; the last line is the verdict."""
    blocks = [
        [f"actionpairs {facts.packages.versions['actionpairs']}, Python {facts.python}, {facts.platform}"],
        ["packages", *_rows(_packages(facts))],
        ["machine", *_rows(_machine(facts))],
        ["codecs", *_rows(_codecs(facts.codecs))],
        ["settings", *(_rows(facts.settings) if facts.settings else ["  none that matter"])],
        ["extras", *_rows({extra.name: _extra(extra) for extra in facts.packages.extras})],
        ["self-test of extract and shard", *_self_test(facts)],
        [f"warning: {warning}" for warning in facts.warnings],
        [f"verdict: {facts.verdict}"],
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block)


def _rows(values: Mapping[str, str]) -> list[str]:
    return [f"  {name:<{_WIDTH}}  {value}" for name, value in values.items()]


def _packages(facts: Diagnosis) -> dict[str, str]:
    versions = {name: version or "not installed" for name, version in facts.packages.versions.items()}
    versions["actionpairs"] += f", from {facts.packages.installed_from}"
    if facts.devices.built_for:
        versions["torch"] += f", built for {facts.devices.built_for}"
    return versions


def _machine(facts: Diagnosis) -> dict[str, str]:
    rows = {"processors": _processors(facts.processors), "memory": _memory(facts.memory)}
    for number, device in enumerate(facts.devices.devices):
        rows[f"{device.kind}:{number}"] = _device(device)
    if not facts.devices.devices:
        rows["devices"] = facts.devices.error or "none besides the processor"
    for place in facts.places:
        space = f"{_bytes(place.free_bytes)} free of {_bytes(place.total_bytes)}"
        rows[place.name] = space if place.writable else f"{space}, cannot be written to"
    soft, hard = ("no limit" if limit is None else f"{limit:,}" for limit in facts.open_files)
    rows["open files"] = f"{soft}, may be raised to {hard}" if soft != hard else soft
    return rows


def _processors(facts: Processors) -> str:
    parts = [f"{facts.cores or '?'} cores"]
    if facts.usable is not None:
        parts.append(f"{facts.usable} usable by this process")
    parts.append("no quota" if facts.quota is None else f"a quota of {facts.quota:g}")
    return ", ".join([*parts, *(f"{name}={value}" for name, value in facts.granted.items())])


def _memory(facts: Memory) -> str:
    parts = [f"{_bytes(facts.available_bytes)} free of {_bytes(facts.total_bytes)}"]
    if facts.limit_bytes is not None:
        parts.append(f"a limit of {_bytes(facts.limit_bytes)}")
    return ", ".join(parts)


def _device(device: Device) -> str:
    parts = [device.name, _bytes(device.memory_bytes)]
    if device.free_bytes is not None:
        parts.append(f"{_bytes(device.free_bytes)} free")
    return ", ".join([*parts, *([f"compute {device.compute}"] if device.compute else [])])


def _codecs(facts: Codecs) -> dict[str, str]:
    if facts.error:
        return {"PyAV": f"cannot be imported: {facts.error}"}
    libraries = [f"{name} {version}" for name, version in facts.libraries.items() if name != "libavdevice"]
    rows = {"FFmpeg": f"{facts.ffmpeg} ({', '.join(libraries)})"}
    for title, coders in (("decodes", facts.decoders), ("encodes for demo", facts.encoders)):
        have = [codec if codec in name else f"{codec} ({name})" for codec, name in coders.items() if name]
        lack = [codec for codec, name in coders.items() if not name]
        rows[title] = ", ".join(have) + (f"; not {', '.join(lack)}" if lack else "")
    return rows


def _extra(extra: Extra) -> str:
    return f"lacks {', '.join(extra.lacks)}: {extra.cure}" if extra.lacks else "installed"


def _self_test(facts: Diagnosis) -> Iterator[str]:
    test = facts.self_test
    yield from (f"  {step}" for step in test.steps)
    yield f"  works ({test.seconds:g} s)" if test.works else f"  fails: {test.error}"


def _bytes(count: int | None) -> str:
    return "?" if count is None else f"{count / 1e9:,.1f} GB"
