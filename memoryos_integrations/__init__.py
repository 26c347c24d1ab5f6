"""Adapters that put a MemoryOS engine behind the interfaces that agents already have.

Each adapter is its own module, needs its own extra and knows nothing of the others; importing this
package imports no framework.
"""

import memoryos

if "Engine" not in getattr(memoryos, "__all__", ()):
    raise ImportError(
        "the installed `memoryos` is that of memoryos-pro, which has the same import name: "
        "pip uninstall --yes memoryos-pro, then install memoryos-integrations again with "
        "pip install --force-reinstall --no-deps and what you gave it the first time"
    )
