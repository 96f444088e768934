"""The program as `python -m hmesh`."""

from hmesh.runs.__main__ import main

main()
