"""The browser in which tests open pages, without a need for playwright where there is none."""

import shutil

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
# A busy machine may take this long for what takes a moment [ms].
PATIENCE_MS = 600_000
