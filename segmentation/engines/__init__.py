"""What rules run on. The same definition gives the same people on every engine, or is refused with a reason.

`contract` says what an engine is; each of the others is one engine. A driver is imported when its engine is opened.
"""
