"""The formats of the first versions."""

from __future__ import annotations

import io
from importlib.util import find_spec

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.annotations.examples.example import Example, json_bytes

EPIC_HEADER = (
    "narration_id,participant_id,video_id,narration_timestamp,start_timestamp,stop_timestamp,start_frame,stop_frame,"
    "narration,verb,verb_class,noun,noun_class,all_nouns,all_noun_classes\n"
)
EPIC_ROWS = (
    "P01_01_0,P01,P01_01,00:00:01.089,00:00:00.14,00:00:03.37,8,202,put down lunch box,put-down,1,box:lunch,33,"
    "\"['box:lunch']\",[33]\n"
    "P01_01_1,P01,P01_01,00:00:02.6,00:00:04.37,00:01:06.17,262,370,turn on light,turn-on,6,light,114,x,[114]\n"
    "P01_01_2,P01,P01_01,00:00:02.6,00:00:04.37,00:00:04.37,262,262,turn on light,turn-on,6,light,114,x,[114]\n"
)


def _parquet() -> bytes:
    table = pa.table({"video": ["a", "b"], "start": [1.0, 5.0], "stop": [2.5, 4.0], "instruction": ["go", "stop"]})
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def mpii2_file(*, intervals: int = 3) -> bytes:
    """A file with the structure of the genuine .mat: references to UTF-16 numbers, doubles, iaMat."""
    import h5py

    sink = io.BytesIO()
    with h5py.File(sink, "w") as file:
        annos, store = file.create_group("annos"), file.create_group("#refs#")

        def texts(name: str, values: list[str]) -> None:
            references = []
            for value in values:
                codes = np.frombuffer(value.encode("utf-16-le"), "<u2").reshape(-1, 1)
                references.append(store.create_dataset(f"{name}{len(references)}", data=codes).ref)
            annos.create_dataset(name, data=np.array(references, dtype=h5py.ref_dtype).reshape(1, -1))

        texts("attributeMap", ["take outV", "bottle", "fridge", "hand"])
        texts("fileName", ["s07-d72-cam-002"] * intervals)
        texts("activity", ["take outV"] * intervals)
        annos["frameRate"] = np.array([[29.4]])
        annos["subject"] = np.full((1, intervals), 7.0)
        annos["startFrame"] = np.arange(intervals).reshape(1, -1) * 294.0 + 1
        annos["endFrame"] = np.arange(intervals).reshape(1, -1) * 294.0 + 147
        annos["iaMat"] = np.ones((4, intervals))
    return sink.getvalue()


EXAMPLES: dict[str, Example] = {
    "csv": Example(
        {"format": "table", "unit": "clock"},
        {"mine.csv": b"video,start,stop,instruction\na.mp4,0:01,0:02.5,go\na.mp4,5,4,stop\n"},
        2, 1, ("a.mp4", 1.0, 2.5, "go"),
    ),
    "tsv in frames": Example(
        {"format": "table", "unit": "frames", "rate": 10, "first_frame": 1, "end_included": True},
        {"mine.tsv": b"video\tstart\tstop\tinstruction\na\t11\t25\tgo\na\t1.5\t4\tstop\n"},
        2, 1, ("a", 1.0, 2.5, "go"),
    ),
    "json lines": Example(
        {"format": "table", "unit": "milliseconds"},
        {"mine.jsonl": b'{"video": "a", "start": 1000, "stop": 2500, "instruction": "go"}\n[1]\n{"video": 3}\n'},
        3, 1, ("a", 1.0, 2.5, "go"),
    ),
    "parquet": Example({"format": "table"}, {"mine.parquet": _parquet()}, 2, 1, ("a", 1.0, 2.5, "go")),
    "epic100": Example(
        {"format": "epic100", "names": "class keys"},
        {
            "train.csv": (EPIC_HEADER + EPIC_ROWS).encode(),
            "verb_classes.csv": b"id,key,instances,category\n1,put,['put'],leave\n6,turn-on,['turn-on'],access\n",
            "noun_classes.csv": b"id,key,instances,category\n33,box,['box'],containers\n114,light,['light'],x\n",
        },
        3, 2, ("P01_01", 0.14, 3.37, "put box"),
    ),
    "epic55": Example(
        {"format": "epic55"},
        {
            "labels.csv": (
                b"uid,participant_id,video_id,narration,start_timestamp,stop_timestamp,start_frame,stop_frame,verb,"
                b"verb_class,noun,noun_class,all_nouns,all_noun_classes\n"
                b"0,P01,P01_01,open door,00:00:00.14,00:00:03.37,8,202,open,2,door,8,['door'],[8]\n"
            )
        },
        1, 1, ("P01_01", 0.14, 3.37, "open door"),
    ),
    "mpii2012": Example(
        {"format": "mpii2012"},
        {
            "gt.csv": b"8,s08-d02-cam-002,295,588,56,take \\& put in fridge\n"
            b"8,s08-d02-cam-002,1,9,1, Background activity\n"
        },
        2, 1, ("s08-d02-cam-002", 10.0, 20.0, "take and put in fridge"),
    ),
    "tacos": Example(
        {"format": "tacos"},
        {
            "train.json": json_bytes(
                {
                    "s17-d69.avi": {
                        "timestamps": [[295, 588], [295, 600], [295, 588]],
                        "sentences": ["He took a pan", "He went", "He took a pan"],
                        "fps": 29.4,
                        "num_frames": 588,
                    }
                }
            )
        },
        3, 1, ("s17-d69-cam-002", 10.0, 20.0, "He took a pan"),
    ),
    "activitynet": Example(
        {"format": "activitynet", "video": "v_{video}", "subsets": ["training"]},
        {
            "anet.json": json_bytes(
                {
                    "version": "1.3",
                    "database": {
                        "abc": {
                            "duration": 20.0,
                            "subset": "training",
                            "annotations": [
                                {"segment": [1.5, 2.5], "label": "Surfing"},
                                {"segment": [1, 21], "label": "x"},
                            ],
                        },
                        "def": {"duration": 9, "subset": "testing", "annotations": []},
                        "ghi": {"subset": "validation", "annotations": [{"segment": [1, 2], "label": "x"}]},
                    },
                }
            )
        },
        3, 1, ("v_abc", 1.5, 2.5, "Surfing"),
    ),
    "coin": Example(
        {"format": "activitynet"},
        {"coin.json": json_bytes({"database": {"abc": {"annotation": [{"segment": [6, 9], "label": "cut in"}]}}})},
        1, 1, ("abc", 6.0, 9.0, "cut in"),
    ),
    "youcook2": Example(
        {"format": "activitynet"},
        {"yc.json": json_bytes({"database": {"abc": {"annotations": [{"segment": [6, 9], "sentence": "a: b"}]}}})},
        1, 1, ("abc", 6.0, 9.0, "a: b"),
    ),
    "captions": Example(
        {"format": "activitynet"},
        {
            "cap.json": json_bytes(
                {"v_abc": {"duration": 9.0, "timestamps": [[0, 3.5], [4]], "sentences": ["He waits.", "?"]}}
            )
        },
        2, 1, ("v_abc", 0.0, 3.5, "He waits."),
    ),
    "charades": Example(
        {"format": "charades"},
        {
            "test.csv": (
                b"id,subject,script,actions,length\n"
                b'AB,S1,"a, b",c001 1.50 4.00;c000 5.00 17.00;c001 4.00 1.00;c001 soon,16.62\nCD,S1,x,,3.0\n'
            ),
            "classes.txt": b"c000 Holding some clothes\nc001 Opening a door/s\n",
        },
        4, 1, ("AB", 1.5, 4.0, "Opening a door/s"),
    ),
    "ssv2": Example(
        {"format": "ssv2"},
        {
            "train.json": json_bytes(
                [{"id": "786", "label": "hold it", "template": "Holding [something]"}, {"id": "5"}]
            )
        },
        2, 1, ("786", 0.0, float("inf"), "hold it"),
    ),
    "ego4d": Example(
        {"format": "ego4d"},
        {
            "fho_main.json": json_bytes(
                {
                    "videos": [
                        {
                            "video_uid": "v1",
                            "annotated_intervals": [
                                {
                                    "narrated_actions": [
                                        {
                                            "uid": "u1",
                                            "narration_text": "#C C takes a cup #unsure",
                                            "structured_verb": "take_(pick,_grasp,_get)",
                                            "critical_frames": {"pre_frame": 30, "post_frame": 59},
                                        },
                                        {"uid": "u2", "narration_text": "#O man X sits", "critical_frames": None},
                                        {"uid": "u3", "narration_text": "#C C sits", "critical_frames": None},
                                        {"uid": "u4", "narration_text": "#C C sits", "is_rejected": True},
                                    ]
                                }
                            ],
                        }
                    ]
                }
            )
        },
        4, 1, ("v1", 1.0, 2.0, "takes a cup"),
    ),
    "holoassist": Example(
        {"format": "holoassist"},
        {
            "events.json": json_bytes(
                [
                    {
                        "video_name": "R1",
                        "events": [
                            {"id": 1, "label": "Coarse grained action", "start": 0, "end": 9, "attributes": {}},
                            {"id": 2, "label": "Fine grained action", "start": 1.0, "end": 2.5,
                             "attributes": {"Verb": "grab", "Noun": "battery_door"}},
                        ],
                    }
                ]
            )
        },
        2, 1, ("R1/Export_py/Video.mp4", 1.0, 2.5, "grab battery door"),
    ),
    "breakfast": Example(
        {"format": "breakfast"},
        {"P03_cam01_P03_cereals.txt": b"1-30 SIL  \n31-150 take_bowl  \nnothing\n"},
        3, 1, ("P03/cam01/P03_cereals.avi", 2.0, 10.0, "take bowl"),
    ),
    "salads50": Example(
        {"format": "salads50", "rate": 10},
        {
            "01-1-activityAnnotation.txt": (
                b"100 900 cut_and_mix_ingredients\n110 119 cut_tomato_core\n0 5 cut_tomato_core\n100 110 x_prep\n"
            ),
            "timestamps-01-1.txt": b"".join(b"%d %d\n" % (100 + number, number) for number in range(40)),
        },
        4, 1, ("rgb-01-1", 1.0, 2.0, "cut tomato"),
    ),
    "egtea": Example(
        {"format": "egtea"},
        {
            "action_labels.csv": (
                b"# Clip Prefix (Unique);Video Session;Starting Time (ms);Ending Time (ms);Action Label\n"
                b"OP01-R01-PastaSalad-1000-2500-F1-F9;OP01-R01-PastaSalad;1000;2500;Take eating_utensil\n"
            )
        },
        1, 1, ("OP01-R01-PastaSalad", 1.0, 2.5, "Take eating utensil"),
    ),
    "egtea of rulstm": Example(
        {"format": "egtea"},
        {
            "validation1.csv": b"1,P05-R01-PastaSalad,31,75,3,3,2\n2,P05-R01-PastaSalad,31,75,3,3,9\n",
            "actions.csv": b"0, 0_0, Inspect/Read_recipe\n2, 2_2, Take_eating:utensil\n",
        },
        2, 1, ("P05-R01-PastaSalad", 1.0, 2.5, "Take eating utensil"),
    ),
    "meccano": Example(
        {"format": "meccano"},
        {
            "val.csv": b"video_id,action_id,action_name,start_frame,end_frame\n"
            b"0007,0,check_booklet,00013.jpg,00030.jpg\n"
        },
        1, 1, ("0007", 1.0, 2.5, "check booklet"),
    ),
}  # fmt: skip

if find_spec("h5py"):
    EXAMPLES["mpii2"] = Example(
        {"format": "mpii2"},
        {"annos.mat": mpii2_file()},
        rows=3,
        segments=3,
        first=("s07-d72-cam-002", 0.0, 5.0, "take out bottle fridge"),
    )
