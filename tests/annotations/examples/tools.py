"""Annotation tools and subtitles: the layouts of their exporters, with values of our own."""

from __future__ import annotations

import json

from tests.annotations.examples.example import Example, json_bytes

VIA_PROJECT = {
    "project": {"pid": "__VIA_PROJECT_ID__", "data_format_version": "3.1.1", "vid_list": ["1", "2"]},
    "config": {"file": {"loc_prefix": {"1": "", "2": "", "3": "", "4": ""}}},
    "attribute": {
        "1": {
            "aname": "Activity", "anchor_id": "FILE1_Z2_XY0", "type": 4, "desc": "",
            "options": {"0": "Break egg", "1": "Mix"},
        },
        "2": {"aname": "Object", "anchor_id": "FILE1_Z1_XY1", "type": 4, "desc": "", "options": {"1": "Egg"}},
    },
    "file": {
        "1": {"fid": 1, "fname": "alioli.mp4", "type": 4, "loc": 1, "src": ""},
        "2": {"fid": 2, "fname": "https://example.org/Grilled%20cheese.webm?x=1", "type": 4, "loc": 2, "src": ""},
    },
    "view": {"1": {"fid_list": [1]}, "2": {"fid_list": [2]}, "3": {"fid_list": [1, 2]}},
    "metadata": {
        "-glfwaaX": {"vid": "1", "flg": 0, "z": [2, 6.5], "xy": [], "av": {"1": "0"}},
        "+mHHT-tg": {"vid": "2", "flg": 0, "z": [9, 20], "xy": [], "av": {"1": "Spread butter"}},
        "fH-oMre1": {"vid": "1", "flg": 0, "z": [0.917], "xy": [2, 263, 184, 17, 13], "av": {"2": "1"}},
        "Yh7Klow6": {"vid": "3", "flg": 0, "z": [1, 2], "xy": [], "av": {"1": "1"}},
    },
}  # fmt: skip
VIA_CSV = (
    "# Exported using VGG Image Annotator (http://www.robots.ox.ac.uk/~vgg/software/via)\n# Notes:\n"
    f"# ATTRIBUTE = {json.dumps(VIA_PROJECT['attribute'])}\n"
    "# CSV_HEADER = metadata_id,file_list,flags,temporal_coordinates,spatial_coordinates,metadata\n"
    '"-glfwaaX","[""alioli.mp4""]",0,"[2,6.5]","[]","{""1"":""0""}"\n'
    '"fH-oMre1","[""alioli.mp4""]",0,"[0.917]","[2,263,184,17,13]","{""2"":""1""}"\n'
)
VIA_SEGMENTS = (
    "# Exported using VGG Image Annotator (http://www.robots.ox.ac.uk/~vgg/software/via)\n"
    "# CSV_HEADER = metadata_id,file_list,temporal_segment_start,temporal_segment_end,metadata\n"
    '"-glfwaaX","[""alioli.mp4""]",2,6.5,"{""Activity"":""Break egg""}"\n'
    '"+mHHT-tg","[""alioli.mp4""]",9,20,"{""Activity"":""1""}"\n'
    '"fH-oMre1","[""alioli.mp4""]",0.917,undefined,"{""Object"":""1""}"\n'
)


def eaf(tiers: str, *, media: str = "", slots: str = "") -> str:
    """An ELAN document."""
    media = media or '<MEDIA_DESCRIPTOR MEDIA_URL="file:///C:/My videos/a b.mp4" MIME_TYPE="video/mp4"/>'
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT AUTHOR="" DATE="2014-10-28T10:14:04+01:00" FORMAT="3.0" VERSION="3.0"
  xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
  xsi:noNamespaceSchemaLocation="http://www.mpi.nl/tools/elan/EAFv3.0.xsd">
<HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">
<MEDIA_DESCRIPTOR MEDIA_URL="file:///C:/sound.wav" MIME_TYPE="audio/x-wav"/>{media}
</HEADER>
<TIME_ORDER>
<TIME_SLOT TIME_SLOT_ID="ts1" TIME_VALUE="1000"/><TIME_SLOT TIME_SLOT_ID="ts2" TIME_VALUE="2500"/>
<TIME_SLOT TIME_SLOT_ID="ts3"/><TIME_SLOT TIME_SLOT_ID="ts4" TIME_VALUE="4000"/>{slots}
</TIME_ORDER>
{tiers}
</ANNOTATION_DOCUMENT>
"""


def aligned(name: str, first: str, second: str, value: str) -> str:
    """An annotation with time slots."""
    return (
        f'<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="{name}" '
        f'TIME_SLOT_REF1="{first}" TIME_SLOT_REF2="{second}">'
        f"<ANNOTATION_VALUE>{value}</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>"
    )


def referring(name: str, other: str, value: str) -> str:
    """An annotation with the times of another."""
    return (
        f'<ANNOTATION><REF_ANNOTATION ANNOTATION_ID="{name}" ANNOTATION_REF="{other}">'
        f"<ANNOTATION_VALUE>{value}</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION>"
    )


EAF = eaf(
    '<TIER LINGUISTIC_TYPE_REF="steps" PARTICIPANT="Ann" TIER_ID="steps">'
    + aligned("a1", "ts1", "ts2", "cut &amp; peel the apple")
    + aligned("a2", "ts2", "ts3", "no time")
    + "</TIER>"
    '<TIER LINGUISTIC_TYPE_REF="words" PARENT_REF="steps" PARTICIPANT="Ann" TIER_ID="objects">'
    + referring("a3", "a1", "apple")
    + referring("a4", "a3", "fruit")
    + "</TIER>"
)
ELAN_ROWS = (
    "steps\tAnn\t00:00:01.000\t1.0\t00:00:02.500\t2.5\t00:00:01.500\t1.5\tcut the apple\n"
    "objects\tAnn\t00:00:01.000\t1.0\t00:00:02.500\t2.5\t00:00:01.500\t1.5\tapple\n"
)
ELAN_COLUMNS = (
    '"#file:///C:/videos/a.mp4 -- offset: 0"\n'
    "Begin Time - ss.msec\tBegin Time - msec\tEnd Time - ss.msec\tEnd Time - msec\tDuration - msec\t"
    "steps\tobjects\t\n"
    "1.0\t1000\t2.5\t2500\t1500\tcut the apple\tapple\n2.5\t2500\t4.0\t4000\t1500\tpeel it\t\n"
)


def studio_task(results: list[object], **keys: object) -> dict[str, object]:
    """A task of Label Studio with one annotation."""
    annotation = {
        "id": 22,
        "completed_by": {"id": 1, "email": "ann@example.org"},
        "result": results,
        "was_cancelled": False,
    }
    task = {"id": 87, "data": {"video": "/data/upload/29/3bc9da85-make_tea.mp4"}, "annotations": [annotation]}
    return {**task, **keys}  # fmt: skip


def region(region_id: str, value: object, kind: str) -> dict[str, object]:
    """A result of Label Studio."""
    return {
        "id": region_id,
        "type": kind,
        "value": value,
        "origin": "manual",
        "to_name": "video",
        "from_name": "x",
    }


STUDIO = [
    studio_task(
        [
            region(
                "r1", {"ranges": [{"start": 25, "end": 48}], "timelinelabels": ["Boil water"]}, "timelinelabels"
            ),
            region("r2", {"sequence": [{"frame": 1, "enabled": True}], "labels": ["Cup"]}, "videorectangle"),
        ]
    ),
    studio_task([region("r3", {"choices": ["good"]}, "choices")]),
]
STUDIO_AUDIO = [
    studio_task([region("r1", {"start": 1.5, "end": 2.25, "channel": 0, "labels": ["Pour tea"]}, "labels")])
]
STUDIO_MIN = [
    {
        "video": "/data/local-files/?d=kitchen%2Fmake%20tea.mp4",
        "id": 87,
        "videoLabels": [{"ranges": [{"start": 25, "end": 48}], "timelinelabels": ["Boil water"]}],
        "instruction": "boil some water",
        "box": [{"sequence": [{"frame": 1, "enabled": True}], "labels": ["Cup"]}],
        "annotator": 1,
        "annotation_id": 22,
        "lead_time": 8.65,
    }
]


def cvat(body: str, *, meta: str = "") -> str:
    """An annotations.xml of CVAT."""
    meta = meta or (
        "<task><id>7</id><name>kitchen</name><size>100</size><mode>interpolation</mode><subset>default</subset>"
        "<start_frame>0</start_frame><stop_frame>99</stop_frame><frame_filter></frame_filter>"
        "<source>make tea.mp4</source></task>"
    )
    return (
        f'<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n<version>1.1</version>\n<meta>{meta}</meta>\n'
        f"{body}\n</annotations>\n"
    )


def box(frame: int, *, outside: int = 0, attributes: str = "") -> str:
    """A shape of a track."""
    return (
        f'<box frame="{frame}" keyframe="1" outside="{outside}" occluded="0" xtl="1.00" ytl="1.00" xbr="2.00" '
        f'ybr="2.00" z_order="0">{attributes}</box>'
    )


CVAT_TRACKS = cvat(
    '<track id="0" label="pour_tea" source="manual">'
    + box(10)
    + box(11)
    + box(12, outside=1)
    + box(20)
    + "</track>"
    '<track id="1" label="sit" source="manual">' + box(5).replace('frame="5"', 'frame="x"') + "</track>"
)
CVAT_TAGS = cvat(
    "".join(
        f'<image id="{frame}" name="frame_{frame:06}" width="8" height="8">{tag}</image>\n'
        for frame, tag in enumerate(["", *['<tag label="stir" source="manual"></tag>'] * 3, ""])
    )
)
BORIS_PROJECT = {
    "project_format_version": "7.0",
    "behaviors_conf": {
        "0": {"type": "Point event", "code": "look"},
        "1": {"type": "State event", "code": "cut"},
    },
    "observations": {
        "kitchen": {
            "date": "2016-12-01T23:01:31",
            "type": "MEDIA",
            "time offset": 10.0,
            "file": {"1": ["C:\\clips\\one.mp4", "two.mp4"], "2": []},
            "media_info": {"length": {"C:\\clips\\one.mp4": 179.9604, "two.mp4": 359.96}},
            "events": [
                [11.8, "ann", "cut", "apple|None", ""],
                [18.125, "ann", "cut", "apple|None", ""],
                [20.0, "ann", "look", "", ""],
                [237.765, "ann", "cut", "", "", 12],
                [253.49, "ann", "cut", "", "", 12],
                [180.0, "bob", "cut", "", ""],
                [300.0, "bob", "cut", "", ""],
                [500.0, "ann", "cut", "", ""],
            ],
        },
        "live": {"type": "LIVE", "file": [], "events": [], "media_info": {}, "time offset": 0.0},
    },
}
_BORIS_9 = (
    "Observation id\tObservation date\tDescription\tObservation duration\tObservation type\tSource\t"
    "Time offset (s)\tMedia duration (s)\tFPS\tSubject\tBehavior\tBehavioral category\tModifier #1\t"
    "Behavior type\tTime\t"
    "Media file name\tImage index\tImage file path\tComment\n"
)
_BORIS_9_ROW = (
    "kitchen\t2016-12-01 23:01:31\t\t539.92\tMedia file(s)\tplayer #1:a/one.mp4;two.mp4|player #2:\t0.0\t"
    "179.960;359.960|\t25.000;25.000\tann\t{}\t\tapple\t{}\t{}\tone.mp4\tNA\tNA\t\n"
)
BORIS_TABULAR = _BORIS_9 + "".join(
    _BORIS_9_ROW.format(*event)
    for event in [
        ("cut", "START", "181.960"),
        ("look", "POINT", "182.000"),
        ("cut", "STOP", "190.460"),
        ("cut", "STOP", "191"),
    ]
)  # fmt: skip
BORIS_7 = (
    "Observation id\tkitchen\t\t\t\t\t\t\t\n\t\t\t\t\t\t\t\t\nMedia file(s)\t\t\t\t\t\t\t\t\n"
    "Player #1\tone.mp4\t\t\t\t\t\t\t\n"
    "Time offset (s)\t1.0\t\t\t\t\t\t\t\n\t\t\t\t\t\t\t\t\n"
    "Time\tMedia file path\tTotal length\tFPS\tSubject\tBehavior\tBehavioral category\tComment\tStatus\n"
    "3.300\tone.mp4\t359.960\t25.0\tann\tcut\t\t\tSTART\n7.750\tone.mp4\t359.960\t25.0\tann\tcut\t\t\tSTOP\n"
)
BORIS_AGGREGATED = (
    "Observation id,Observation date,Description,Media file,Total length,FPS,Subject,Behavior,Behavioral category,"
    "Modifiers,Behavior type,Start (s),Stop (s),Duration (s),Comment start,Comment stop\n"
    'kitchen,2016-12-01 23:01:31,"in, out",one.mp4,539.920,25.0,No focal subject,cut,,apple|red,STATE,1.800,8.125,'
    "6.325,,\n"
    "kitchen,2016-12-01 23:01:31,,one.mp4,539.920,25.0,ann,look,,,POINT,32.825,32.825,NA,,\n"
)
SRT = (
    "1\n00:00:01,000 --> 00:00:02,500 X1:1 X2:9\n<i>Slice</i> {\\an8}the\napple\n\n"
    "2\n0:00:03 --> 0:00:04\nif 2 < 3\n\nthen\n\n"
    "3\n00:00:05,000 --> 00:00:06,000\n\n4\n00:00:0x,000 --> 00:00:06,000\ngo\n"
)
VTT = (
    "WEBVTT - steps\nKind: captions\n\nSTYLE\n::cue { color: red }\n\nNOTE 00:00.000 is\nno cue\n\nfirst\n"
    "00:01.000 --> 00:02.500 align:start position:0%\n"
    "<v Ann>Slice</v> the <00:00:01.500><c>apple</c> &amp; peel\nit\n\n"
    "01:00:00.000 --> 01:00:01.000\nRest\n"
)

EXAMPLES: dict[str, Example] = {
    "via": Example(
        {"format": "via"}, {"via.json": json_bytes(VIA_PROJECT)}, 4, 2, ("alioli.mp4", 2.0, 6.5, "Break egg"),
    ),
    "via csv": Example(
        {"format": "via"}, {"via.csv": VIA_CSV.encode()}, 2, 1, ("alioli.mp4", 2.0, 6.5, "Break egg"),
    ),
    "via segments": Example(
        {"format": "via"}, {"via.csv": VIA_SEGMENTS.encode()}, 3, 1, ("alioli.mp4", 2.0, 6.5, "Break egg"),
    ),
    "elan": Example(
        {"format": "elan", "tiers": ["st*"]}, {"a.eaf": EAF.encode()}, 2, 1,
        ("a b.mp4", 1.0, 2.5, "cut & peel the apple"),
    ),
    "elan rows": Example(
        {"format": "elan", "tiers": ["steps"], "video_from": "file name"}, {"a.txt": ELAN_ROWS.encode()}, 2, 1,
        ("a", 1.0, 2.5, "cut the apple"),
    ),
    "elan columns": Example(
        {"format": "elan", "tiers": ["steps"]}, {"a.txt": ELAN_COLUMNS.encode()}, 2, 2,
        ("a.mp4", 1.0, 2.5, "cut the apple"),
    ),
    "label studio": Example(
        {"format": "label-studio"}, {"project.json": json_bytes(STUDIO)}, 3, 1,
        ("make_tea.mp4", 1.0, 2.0, "Boil water"),
    ),
    "label studio audio": Example(
        {"format": "label-studio"}, {"project.json": json_bytes(STUDIO_AUDIO)}, 1, 1,
        ("make_tea.mp4", 1.5, 2.25, "Pour tea"),
    ),
    "label studio min": Example(
        {"format": "label-studio", "rate": 12}, {"min.json": json_bytes(STUDIO_MIN)}, 2, 1,
        ("make tea.mp4", 2.0, 4.0, "Boil water"),
    ),
    "cvat": Example(
        {"format": "cvat", "rate": 10}, {"annotations.xml": CVAT_TRACKS.encode()}, 3, 2,
        ("make tea.mp4", 1.0, 1.2, "pour tea"),
    ),
    "cvat tags": Example(
        {"format": "cvat", "rate": 10}, {"annotations.xml": CVAT_TAGS.encode()}, 1, 1,
        ("make tea.mp4", 0.1, 0.4, "stir"),
    ),
    "boris": Example(
        {"format": "boris", "instruction": "{verb} the {noun}"}, {"boris.json": json_bytes(BORIS_PROJECT)}, 6, 2,
        ("one.mp4", 1.8, 8.125, "cut the apple"),
    ),
    "boris tabular": Example(
        {"format": "boris"}, {"events.tsv": BORIS_TABULAR.encode()}, 3, 1, ("two.mp4", 2.0, 10.5, "cut"),
    ),
    "boris 7": Example({"format": "boris"}, {"events.tsv": BORIS_7.encode()}, 1, 1, ("one.mp4", 2.3, 6.75, "cut")),
    "boris aggregated": Example(
        {"format": "boris"}, {"events.csv": BORIS_AGGREGATED.encode()}, 2, 1, ("one.mp4", 1.8, 8.125, "cut"),
    ),
    "srt": Example({"format": "subtitles"}, {"a.srt": SRT.encode()}, 4, 2, ("a", 1.0, 2.5, "Slice the apple")),
    "vtt": Example(
        {"format": "subtitles", "language": "en"}, {"a.en.vtt": VTT.encode()}, 2, 2,
        ("a", 1.0, 2.5, "Slice the apple & peel it"),
    ),
}  # fmt: skip
