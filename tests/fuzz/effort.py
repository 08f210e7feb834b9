"""How much the tests of this folder try: `FUZZ_SEED` and `FUZZ_TIMES` make runs other and longer.

A test takes its seed as a parameter, so that its name says it.
"""

import os

SEED = int(os.environ.get("FUZZ_SEED") or 20261124)
TIMES = int(os.environ.get("FUZZ_TIMES") or 1)
