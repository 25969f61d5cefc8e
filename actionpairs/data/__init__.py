"""What training reads: pairs as arrays, batches, whole clips, and random draws by name."""

from actionpairs import train_extra as train_extra
