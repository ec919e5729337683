"""The simulated cell: PyBullet behind the ports that real machines have too."""

from cablecell.simulation.quiet import import_quietly

# PyBullet reports when it was built each time it is loaded. Whatever of this package is used first, it has been loaded
# here before, without that line in the output of every process.
import_quietly("pybullet")
