"""What requests cost: `make bench` measures it, tests/test_budgets.py guards it."""

import sys

from local.template import ROOT

# As in Lambda, where the layer's packages can be imported from anywhere.
sys.path.append(str(ROOT / "layers" / "common"))
