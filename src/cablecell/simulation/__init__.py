"""The simulated cell: PyBullet behind the ports that real machines have too."""

import contextlib
import importlib
import io

# PyBullet reports when it was built each time it is loaded. Whatever of this package is used first, it has been loaded
# here before, without that line in the output of every process.
with contextlib.redirect_stderr(io.StringIO()):
    importlib.import_module("pybullet")
