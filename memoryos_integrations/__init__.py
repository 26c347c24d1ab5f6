"""Adapters that put a MemoryOS engine behind the interfaces that agents already have.

Each adapter is its own module, needs its own extra and knows nothing of the others; importing this
package imports no framework.
"""
