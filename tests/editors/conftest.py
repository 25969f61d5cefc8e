"""The tiny editors of other rooms' tests: one from the squares, one of random weights."""

from tests.evaluation.conftest import editor as editor
from tests.training.conftest import editor_folder as editor_folder
from tests.training.conftest import loaded_editor as loaded_editor
from tests.training.conftest import pairs as pairs
from tests.training.conftest import small_editor as small_editor
from tests.training.conftest import squares as squares
