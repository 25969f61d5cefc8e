"""The version of the package, and that of the files that it writes."""

PACKAGE_VERSION = "0.3.0"  # setup.cfg reads it from here

# Raised whenever a folder's files change: a column, a key, a layout, or what a value means.
# 1: actionpairs 0.1. 2: columns `decoded`, `tolerance_seconds`, `overexposed`; manifests name both versions.
# 3: column `displacement_confidence`; hands, shadows and exposure are no displacement.
SCHEMA_VERSION = 3
