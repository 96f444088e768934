"""A second implementation of the rules by which an audit judges, from the specification alone.

Nothing here is shared with `hmesh.markets`, `hmesh.agents` or a scheme: a fault of theirs is not
repeated here. Each rule is written as its definition states it, by comparing what somebody could
do, and is as slow as that takes.
"""
