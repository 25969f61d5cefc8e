"""A small file in every format, with its expected result."""

from tests.annotations.examples import first
from tests.annotations.examples.example import Example

__all__ = ["EXAMPLES", "Example"]

EXAMPLES: dict[str, Example] = {**first.EXAMPLES}
