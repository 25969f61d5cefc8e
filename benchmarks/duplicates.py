"""Near-duplicates among a million hashes: are all found, how fast, in how much memory?

python benchmarks/duplicates.py [--items 1000000] [--planted 1000] [--bits 6] [--json]
"""

from __future__ import annotations

import argparse
import json
import resource
import time

import numpy as np

from actionpairs.curation import duplicates


def plant(items: int, planted: int, bits: int, *, seed: int) -> tuple[np.ndarray, set[tuple[int, int]]]:
    """Random hashes (N 16 uint8), of which `planted` repeat another one with up to `bits` bits flipped."""
    rng = np.random.default_rng(seed)
    hashes = rng.integers(0, 256, (items, 16), np.uint8)
    chosen = rng.choice(items, 2 * planted, replace=False)
    for source, copy in zip(chosen[:planted], chosen[planted:], strict=True):
        flipped = np.zeros(128, np.uint8)
        flipped[rng.choice(128, rng.integers(0, bits + 1), replace=False)] = 1
        hashes[copy] = hashes[source] ^ np.packbits(flipped)
    low, high = np.minimum(chosen[:planted], chosen[planted:]), np.maximum(chosen[:planted], chosen[planted:])
    return hashes, set(zip(low.tolist(), high.tolist(), strict=True))


def main() -> None:
    """Print a table; with --json one line of JSON after it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--planted", type=int, default=1000)
    parser.add_argument("--bits", type=int, default=6)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    hashes, planted = plant(options.items, options.planted, options.bits, seed=0)
    start = time.perf_counter()
    near = {(one, two) for one, two, _ in duplicates.find_near_pairs(hashes, max_bits=options.bits).tolist()}
    figures = {
        "items": options.items,
        "planted": len(planted),
        "found": len(planted & near),
        "others": len(near - planted),
        "seconds": round(time.perf_counter() - start, 2),
        "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }
    for name, value in figures.items():
        print(f"{name:10} {value:>12}")
    if options.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
