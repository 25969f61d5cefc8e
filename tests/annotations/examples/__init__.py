"""A small file in every format, with its expected result."""

from tests.annotations.examples import egocentric, first, instructional, robots, tables, tools
from tests.annotations.examples.example import Example

__all__ = ["EXAMPLES", "Example"]

EXAMPLES: dict[str, Example] = {
    **first.EXAMPLES,
    **egocentric.EXAMPLES,
    **instructional.EXAMPLES,
    **robots.EXAMPLES,
    **tables.EXAMPLES,
    **tools.EXAMPLES,
}
