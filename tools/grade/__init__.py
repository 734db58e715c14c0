"""Grade a folder of submissions: ``python -m tools.grade week-3``.

Each submission runs in a process of its own, with limits on its time and memory, and costs nobody else's marks.
Limits are not a sandbox: the code of a submission can do whatever the user who grades can do.
"""
