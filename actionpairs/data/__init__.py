"""What training reads: pairs as arrays, batches, clips of whole segments, and named random draws."""

from actionpairs import train_extra as train_extra
