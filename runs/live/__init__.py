"""The live view: a scenario step by step in the browser, in Mesa's own viewer.

What is shown is worked out here without any library of the browser; `page` and `server` alone need
the extra ``live``.
"""
