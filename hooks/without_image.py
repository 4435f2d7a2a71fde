"""Run by a hook script, as a part of it, where there is no image of the modules that fits.

Makes the modules importable, or lets another Python run the script if this one is too old for them.
"""

import posix
import sys

root = __file__.rpartition("/hooks/")[0]
if sys.version_info < (3, 10) and sys.argv[2:] != ["mend"]:
    takeover = root + "/hooks/takeover.sh"
    posix.execv("/bin/sh", ["sh", takeover, sys.executable, __file__, *sys.argv[1:2]])
# What an image that is of no use has begun.
for name in [name for name in sys.modules if name.partition(".")[0] == "lib"]:
    del sys.modules[name]
sys.path.insert(0, root)
