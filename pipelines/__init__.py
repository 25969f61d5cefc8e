"""The recipes that come with the package: one per published data set and experiment."""
