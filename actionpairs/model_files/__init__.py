"""Models as they were released: diffusers folders, checkpoint files, hub ids, and adapters of every layout."""

from actionpairs import train_extra as train_extra
