"""The core runs where there is neither ROS nor a simulator."""

import subprocess
import sys

BLOCKED = ("rclpy", "pybullet", "std_msgs", "cablecell_interfaces", "typer", "rich")

PROGRAM = f"""
import importlib, pkgutil, sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] in {BLOCKED!r}:
            raise ImportError(name + ' is blocked')

sys.meta_path.insert(0, Blocker())
import cablecell.core, cablecell.ports
names = [m.name for m in pkgutil.walk_packages(cablecell.core.__path__, 'cablecell.core.')]
for name in names:
    importlib.import_module(name)
print(len(names))
"""


def test_core_and_ports_import_alone():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 5
