"""The editors: one model family per file, a tiny one to learn in minutes, and LoRA adapters."""

from actionpairs import train_extra as train_extra
