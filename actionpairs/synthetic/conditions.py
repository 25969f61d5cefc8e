"""The conditions under which a synthetic set is recorded."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Conditions:
    """What makes pairs as hard as real footage; the default is a clean table and one action per pair.

    hands: share of first and of last frames in which the arm reaches in already, or is not yet gone; fewer where
    it comes into view only close to the thing. clutter: at most so many things besides, which no action touches.
    camera_motion: how far a head camera drifts, as a multiple of about 3 cm. steps: the most actions under one
    instruction; their number is drawn evenly from 1 to this, and is smaller where the next action has to do with
    the same things.
    """

    hands: float = 0.0
    clutter: int = 0
    camera_motion: float = 1.0
    steps: int = 1


CLEAN = Conditions()
