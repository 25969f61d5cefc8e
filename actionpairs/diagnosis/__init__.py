"""What a machine has and lacks: packages, processors, memory, devices, codecs, disks and settings.

Every module asks one kind of thing, and answers where there is nothing to ask: none of them raises an error.
"""
