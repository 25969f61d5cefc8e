"""A rendered set's annotation rows, in the formats of EPIC-KITCHENS-100 and MPII Cooking Activities 2012."""

import csv
import io
from collections.abc import Sequence

from actionpairs.synthetic.actions import VERBS
from actionpairs.synthetic.episode import Episode, EpisodeSegment
from actionpairs.synthetic.truth import Blemish, BlemishKind
from actionpairs.synthetic.world import EXTENTS, Kind

EPIC_COLUMNS = (
    "narration_id",
    "participant_id",
    "video_id",
    "narration_timestamp",
    "start_timestamp",
    "stop_timestamp",
    "start_frame",
    "stop_frame",
    "narration",
    "verb",
    "verb_class",
    "noun",
    "noun_class",
    "all_nouns",
    "all_noun_classes",
)
EPIC_RATE = 60  # frames per second that EPIC's frame columns count in, for video ids of two digits
NOUNS: tuple[Kind, ...] = tuple(EXTENTS)
BACKGROUND = "Background activity"
Row = tuple[str, ...]


def make_epic_rows(episodes: Sequence[Episode], *, blemishes: bool) -> tuple[list[Row], list[Blemish]]:
    """Return the rows of epic100.csv without its header, and a list of those that are bad on purpose."""
    rows = [_make_epic_row(episode, segment) for episode in episodes for segment in episode.segments]
    if not blemishes:
        return rows, []
    return _add_blemishes(rows, episodes)


def make_mpii_rows(episodes: Sequence[Episode]) -> list[Row]:
    """Return the rows of mpii.csv: frames count from 1, the end is included, background activity fills gaps."""
    rows: list[Row] = []
    for episode in episodes:
        subject = str(int(episode.participant_id[1:]))
        free = None
        for segment in episode.segments:
            if free is not None and free <= segment.first_frame:
                gap = (str(free), str(segment.first_frame))
                rows.append((subject, episode.video_id, *gap, "1", BACKGROUND))
            frames = (str(segment.first_frame + 1), str(segment.last_frame + 1))
            rows.append((subject, episode.video_id, *frames, *_name_category(segment)))
            free = segment.last_frame + 2
    return rows


def format_csv(rows: Sequence[Row], header: Row | None = None) -> str:
    """Format rows as CSV with plain newlines."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if header is not None:
        writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def _make_epic_row(episode: Episode, segment: EpisodeSegment) -> Row:
    nouns = segment.action.nouns
    return (
        segment.id,
        episode.participant_id,
        episode.video_id,
        f"{_format_clock(segment.narrated)}0",
        _format_clock(segment.start),
        _format_clock(segment.stop),
        str(max(1, segment.start * EPIC_RATE // 100)),
        str(max(1, segment.stop * EPIC_RATE // 100)),
        segment.action.narration,
        segment.action.verb,
        str(VERBS.index(segment.action.verb)),
        nouns[0],
        str(NOUNS.index(nouns[0])),
        str(list(nouns)),
        str([NOUNS.index(noun) for noun in nouns]),
    )


def _format_clock(hundredths: int) -> str:
    seconds, rest = divmod(hundredths, 100)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{rest:02d}"


def _name_category(segment: EpisodeSegment) -> tuple[str, str]:
    """Return the number (1 is the background) and the name of an action's category."""
    action = segment.action
    number = 2 + VERBS.index(action.verb) * len(NOUNS) + NOUNS.index(action.nouns[0])
    verb, _, direction = action.verb.partition("-")
    if verb == "move":
        ending = f" to the {direction}" if direction in ("left", "right") else f" {direction}"
        return str(number), f"move {action.nouns[0]}{ending}"
    return str(number), f"{action.verb.replace('-', ' ')} {action.nouns[0]}"


def _add_blemishes(rows: list[Row], episodes: Sequence[Episode]) -> tuple[list[Row], list[Blemish]]:
    """Append bad rows of the kinds that real files have."""
    last = rows[-1]
    end = episodes[-1].frame_count * 100 // episodes[-1].frame_rate
    start = EPIC_COLUMNS.index("start_timestamp")
    stop = EPIC_COLUMNS.index("stop_timestamp")
    bad: list[tuple[BlemishKind, Row]] = [
        ("stop_before_start", _replace(_replace(last, start, last[stop]), stop, last[start])),
        (
            "past_the_end",
            _replace(_replace(last, start, _format_clock(end + 150)), stop, _format_clock(end + 320)),
        ),
        ("unknown_video", _replace(last, EPIC_COLUMNS.index("video_id"), f"{last[1]}_99")),
        ("unreadable_time", _replace(last, start, last[start].replace(":", ";", 1))),
    ]
    blemishes = []
    number = len(episodes[-1].segments)
    for offset, (kind, row) in enumerate(bad):
        fresh = _replace(row, 0, f"{episodes[-1].video_id}_{number + offset}")
        blemishes.append(Blemish(len(rows) + 2, fresh[0], kind))
        rows = [*rows, fresh]
    blemishes.append(Blemish(len(rows) + 2, last[0], "repeated_id"))
    return [*rows, last], blemishes


def _replace(row: Row, column: int, value: str) -> Row:
    return (*row[:column], value, *row[column + 1 :])
