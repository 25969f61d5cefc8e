"""Data sets of head cameras and of assembly: small files in the layout of each.

Where an example says genuine, its values are the data set's own: Goal-Step (MIT), EgoExoLearn (MIT). All other
values are ours: Assembly101 is CC BY-NC, Ego-Exo4D has its own agreement, HD-EPIC's repository has no license.
"""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.parquet as pq

from tests.annotations.examples.example import Example, json_bytes

# Genuine: goalstep_valid.json of facebookresearch/ego4d-goalstep; the step's first two substeps of several.
GOALSTEP = {
    "version": "1.0",
    "split": "val",
    "videos": [
        {
            "video_uid": "c2d06df7-5d3a-4116-9edb-f1c81a4f669b",
            "start_time": 0.0210286458333333,
            "end_time": 5052.921028645834,
            "goal_category": "COOKING:MAKE_BREAD",
            "goal_description": "Makes the bread",
            "summary": [],
            "is_procedural": True,
            "segments": [
                {
                    "start_time": 2.94661,
                    "end_time": 40.19131,
                    "step_category": "Make baked goods: Knead the dough in a dough mixer",
                    "step_description": "Kneads the dough with the mixer.",
                    "is_continued": False,
                    "is_procedural": True,
                    "is_relevant": "essential",
                    "summary": ["adds the flour", "removes the dough"],
                    "segments": [],
                },
                {
                    "start_time": 81.10459,
                    "end_time": 269,
                    "step_category": "Make recipes: Cook or prepare bread or baked goods",
                    "step_description": "Prepares the bread",
                    "is_continued": True,
                    "is_relevant": "essential",
                    "segments": [
                        {
                            "start_time": 81.01371,
                            "end_time": 97.3678,
                            "step_category": "General cooking activity: Measure dough on a weight scale",
                            "step_description": "weigh the dough",
                            "is_relevant": "essential",
                        },
                        {
                            "start_time": 113.4326,
                            "end_time": 132.97154,
                            "step_category": "General cooking activity: Measure dough on a weight scale",
                            "step_description": "weigh the dough",
                            "is_relevant": "optional",
                        },
                    ],
                },
            ],
        }
    ],
}

# The fields are those of docs/annotations/keystep.md of EGO4D/Ego-Exo4D-docs.
KEYSTEPS = {
    "annotations": {
        "11111111-2222-4333-8444-555555555555": {
            "take_uid": "11111111-2222-4333-8444-555555555555",
            "take_name": "here_tea_01_2",
            "scenario": "Make Tea",
            "segments": [
                {
                    "start_time": 0.75,
                    "end_time": 33.25,
                    "step_id": 31,
                    "step_name": "Fill kettle",
                    "step_description": "Fill the kettle from the tap",
                    "is_essential": True,
                    "step_unique_id": 843,
                },
                {
                    "start_time": 33.5,
                    "end_time": 56.5,
                    "step_id": 10,
                    "step_name": "Boil water",
                    "step_description": "Switch the kettle on",
                    "is_essential": True,
                    "step_unique_id": 824,
                },
                {
                    "start_time": 57,
                    "end_time": 60.5,
                    "step_id": 32,
                    "step_name": "Pour water",
                    "step_description": "Pour the water into the cup",
                    "is_essential": True,
                    "step_unique_id": 837,
                },
            ],
        }
    },
    "taxonomy": {
        "Make Tea": {
            "1": {"id": 1, "is_leafnode": False, "name": "Heat the water", "parent_id": 0},
            "10": {"id": 10, "is_leafnode": True, "parent_id": 1, "parent_name": "Heat the water"},
            "31": {"id": 31, "is_leafnode": True, "parent_id": 1, "parent_name": "Heat the water"},
            "32": {"id": 32, "is_leafnode": True, "parent_id": 3, "parent_name": "Brew"},
        }
    },
}


def description(text: str, timestamp: object, *, subject: str = "C", visible: object = True) -> dict[str, object]:
    """A description with the fields of docs/annotations/atomic_descriptions.md of EGO4D/Ego-Exo4D-docs."""
    return {
        "text": text,
        "timestamp": timestamp,
        "narration_subject": subject,
        "ego_visible": visible,
        "best_exo": {"raw_cam_id": "2", "cam_id": "cam02"},
        "unsure": False,
    }


DESCRIPTIONS = {
    "annotations": {
        "11111111-2222-4333-8444-555555555555": [
            {
                "annotation_uid": "a1",
                "rejected": False,
                "descriptions": [
                    description("C lifts the kettle with his left hand.", 18.5),
                    description("C turns his head.", 3.9, visible=False),
                ],
            },
            {
                "annotation_uid": "a2",
                "rejected": False,
                "descriptions": [
                    description("The man X walks to C.", 0.7, subject="O", visible="1"),
                    description("C leans on the table.", 3.0, visible="0"),
                ],
            },
        ]
    }
}

RECIPES = {
    "P09_R01": {
        "participant": "P09",
        "name": "Soup",
        "type": "adapted",
        "source": "",
        "steps": {"P09_R01_S01": "Fill the pot with water.", "P09_R01_S02": "Stir"},
        "captures": [
            {
                "videos": ["P09-20240101-080000"],
                "ingredients": {},
                "step_times": {
                    "P09_R01_S01": [{"video": "P09-20240101-080000", "start": 4.5, "end": 7.25}],
                    "P09_R01_S02": [
                        {"video": "P09-20240101-080000", "start": 20.0, "end": 31.5},
                        {"video": "P09-20240101-080000", "start": 50.0, "end": 49.0},
                    ],
                },
                "prep_times": {
                    "P09_R01_S01": [{"video": "P09-20240101-080000", "start": 1.0, "end": 4.0}],
                    "P09_R01_S02": [],
                },
            }
        ],
    }
}
ACTIVITIES = (
    b"video_id,recipe_id,high_level_activity_label,start_time,end_time\n"
    b"P09-20240101-080000,R01,Cook soup,2.0,60.0\n"
    b'P09-20240101-080000,,"Clean up, and leave",60.0,end\n'
    b"P09-20240101-080000,,Wait,70.0,later\n"
)
FINE = (
    b"id,video,start_frame,end_frame,action_id,verb_id,noun_id,action_cls,verb_cls,noun_cls,toy_id,toy_name,"
    b"is_shared,is_RGB\n"
    b"0,nusar-2021_action_both_9001-a01_9001_user_id_2021-01-01_100000/C10404_rgb.mp4,30,75,3,0,2,pick up wheel,"
    b"pick up,wheel,a01,crane,0,1\n"
    b"1,nusar-2021_action_both_9001-a01_9001_user_id_2021-01-01_100000/C10095_rgb.mp4,30,75,3,0,2,pick up wheel,"
    b"pick up,wheel,a01,crane,0,1\n"
    b"2,nusar-2021_action_both_9001-a01_9001_user_id_2021-01-01_100000/C10404_rgb.mp4,75,75,4,1,2,put down wheel,"
    b"put down,wheel,a01,crane,0,1\n"
)
COARSE_NAME = "assembly_nusar-2021_action_both_9001-a01_9001_user_id_2021-01-01_100000.txt"
COARSE = b"000000030\t000000330\tattach wheel\t\n000000330\t000000345\tinspect toy\nnothing\n"

# The columns are those of annotations/README.md of OpenGVLab/EgoExoLearn; ids are genuine, the texts ours.
LEARN_FINE = (
    b"video_uid,annotation_id,subset,view,scene,start_sec,end_sec,narration_en,narration_en_hand_prompt,"
    b"narration_en_no_hand_prompt\n"
    b'bee9f31c-ac78-11ee-819f-80615f12b59e,08bByaz9,train,ego,kitchen,240.6,241.8,"The left hand lifts, then puts '
    b'down the lid.","left: lifts",The person lifts the lid.\n'
    b"bee9f31c-ac78-11ee-819f-80615f12b59e,cb7wQvjk,train,exo,kitchen,87.2,84.9,Both hands wait.,both,Waits.\n"
)
# Genuine: l1/bee93bfc-ac78-11ee-819f-80615f12b59e.json of its coarse_annotations.tar.gz.
LEARN_COARSE = [
    {
        "start": 12.5,
        "end": 28.705886882775122,
        "attribute": "1",
        "duration": 665.519044,
        "id": "aO3VvpA1",
        "type": 0,
        "textAttribute_en": "1. Take out the tomato from the bag.\n2. Rinse it under the tap.\n"
        "3. Put it back on the cutting board.",
    },
    {"start": 972.655957, "end": 972.655957, "attribute": "", "id": "x", "type": 1, "textAttribute_en": "x"},
]


def narrations() -> bytes:
    """HD-EPIC's narrations with the columns of its README, as Parquet."""
    rows = {
        "unique_narration_id": ["P09-20240101-080000-1", "P09-20240101-080000-2"],
        "participant_id": ["P09", "P09"],
        "video_id": ["P09-20240101-080000"] * 2,
        "narration": ["Open the drawer with the left hand.", "Wait."],
        "start_timestamp": [1.5, 9.0],
        "end_timestamp": [2.75, 8.0],
        "main_actions": [[["open", "drawer"]], []],
        "hands": [["left hand"], []],
    }
    sink = io.BytesIO()
    pq.write_table(pa.table(rows), sink)
    return sink.getvalue()


EXAMPLES: dict[str, Example] = {
    "goalstep": Example(
        {"format": "goalstep"},
        {"goalstep_valid.json": json_bytes(GOALSTEP)},
        3, 3, ("c2d06df7-5d3a-4116-9edb-f1c81a4f669b", 2.94661, 40.19131, "Kneads the dough with the mixer."),
    ),
    "egoexo4d keysteps": Example(
        {"format": "egoexo4d_keysteps", "camera": None},
        {"keystep_train.json": json_bytes(KEYSTEPS)},
        3, 3, ("here_tea_01_2", 0.75, 33.25, "Fill the kettle from the tap"),
    ),
    "egoexo4d keysteps by parent": Example(
        {"format": "egoexo4d_keysteps", "camera": None, "level": "parent"},
        {"keystep_train.json": json_bytes(KEYSTEPS)},
        2, 2, ("here_tea_01_2", 0.75, 56.5, "Heat the water"),
    ),
    "egoexo4d descriptions": Example(
        {"format": "egoexo4d_descriptions"},
        {"atomic_descriptions_train.json": json_bytes(DESCRIPTIONS)},
        4, 1,
        ("11111111-2222-4333-8444-555555555555", 18.5, 22.5, "lifts the kettle with his left hand."),
    ),
    "hdepic narrations": Example(
        {"format": "hdepic"},
        {"HD_EPIC_Narrations.parquet": narrations()},
        2, 1, ("P09-20240101-080000", 1.5, 2.75, "Open the drawer with the left hand."),
    ),
    "hdepic steps": Example(
        {"format": "hdepic"},
        {"complete_recipes.json": json_bytes(RECIPES)},
        4, 2, ("P09-20240101-080000", 4.5, 7.25, "Fill the pot with water."),
    ),
    "hdepic activities": Example(
        {"format": "hdepic"},
        {"P09_recipe_timestamps.csv": ACTIVITIES},
        3, 2, ("P09-20240101-080000", 2.0, 60.0, "Cook soup"),
    ),
    "assembly101": Example(
        {"format": "assembly101"},
        {"train.csv": FINE},
        3, 1,
        (
            "nusar-2021_action_both_9001-a01_9001_user_id_2021-01-01_100000/C10404_rgb.mp4", 1.0, 2.5,
            "pick up wheel",
        ),
    ),
    "assembly101 coarse": Example(
        {"format": "assembly101", "views": ["C10095_rgb"]},
        {COARSE_NAME: COARSE},
        3, 2,
        (
            "nusar-2021_action_both_9001-a01_9001_user_id_2021-01-01_100000/C10095_rgb.mp4", 1.0, 11.0,
            "attach wheel",
        ),
    ),
    "egoexolearn": Example(
        {"format": "egoexolearn"},
        {"fine_annotation_trainval_en.csv": LEARN_FINE},
        2, 1,
        (
            "bee9f31c-ac78-11ee-819f-80615f12b59e", 240.6, 241.8,
            "The left hand lifts, then puts down the lid.",
        ),
    ),
    "egoexolearn coarse": Example(
        {"format": "egoexolearn", "instruction": "{label}"},
        {"bee93bfc-ac78-11ee-819f-80615f12b59e.json": json_bytes(LEARN_COARSE)},
        2, 1, ("bee93bfc-ac78-11ee-819f-80615f12b59e", 12.5, 28.705886882775122, "1"),
    ),
}  # fmt: skip
