"""Image editors: one model family per module, a tiny one that trains in minutes, and LoRA adapters."""

from actionpairs import train_extra as train_extra
