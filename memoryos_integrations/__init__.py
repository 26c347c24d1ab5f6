"""Adapters that put a MemoryOS engine behind the interfaces of LangChain, LangGraph, LlamaIndex, MCP.

Each adapter is its own module, needs its own extra and knows nothing of the others; importing this
package imports no framework.
"""
