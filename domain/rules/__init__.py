"""The numeric rules of trading, each written once and used by both drivers.

The kernel compiles them, the event engine runs them as the plain Python they are written in, and both must give the same
bits. So a rule takes and returns scalars and small NamedTuples and uses only ``+ - * /``, ``sqrt``, comparisons, ``floor``,
``rint`` and written-out loops.
"""
