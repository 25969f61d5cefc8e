"""Renders action pairs of the 3-D kitchen of gymnasium-robotics, with known truth; needs the `kitchen` extra."""

from actionpairs.synthetic.kitchen.pairs import KitchenPair, render_kitchen_outcomes, render_kitchen_pairs

__all__ = ["KitchenPair", "render_kitchen_outcomes", "render_kitchen_pairs"]
